"""Small pieces that several pages are built from: words, buttons, links, questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nicegui import ui

from clawgroups.ui.shell import guarded

_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(name: str) -> str:
    """A name as it can stand in a sentence of ours: no character in it turns the direction of the words around it."""
    return _TURNS.sub("", name)


def text(words: str, classes: str = "") -> ui.label:
    """Words as plain text, never as HTML."""
    return ui.label(words).classes(classes)


def press(label: str, on_press: Callable[[], Any], classes: str = "btn") -> ui.element:
    """A button of the house's own look; errors of ``on_press`` are said on the page."""
    made = ui.element("button").classes(classes).props("type=button")
    with made:
        ui.label(label)
    made.on("click", guarded(on_press), args=[])
    return made


def turn_off(button: ui.element, why: str) -> None:
    """Disables a button made by ``press`` and says why; empty ``why`` turns it on again."""
    button.props["disabled"] = bool(why)
    button.props["title"] = why
    button.update()


def relabel(button: ui.element, label: str) -> None:
    """Changes the words of a button made by ``press``."""
    words = button.default_slot.children[0]
    assert isinstance(words, ui.label)
    words.set_text(label)


def link(words: str, href: str, classes: str = "") -> ui.element:
    """A link. ``href`` is set as a property, so nothing in it is parsed."""
    made = ui.element("a").classes(classes)
    made.props["href"] = href
    with made:
        ui.label(words)
    return made


async def ask_first(title: str, told: str, yes: str, *, look: str = "btn-primary") -> bool:
    """Asks before something that cannot be taken back. False when the person leaves it."""
    with ui.dialog() as dialog, ui.element("div").classes("card ask-first").props("role=alertdialog") as card:
        dialog.props["aria-label"] = card.props["aria-label"] = plain(title)
        ui.label(plain(title)).classes("ask-first-title").props("role=heading aria-level=2")
        ui.label(plain(told)).classes("muted")
        with ui.element("div").classes("row ask-first-row"):
            press("No, leave it", lambda: dialog.submit(False), "btn")
            press(yes, lambda: dialog.submit(True), f"btn {look}")
    try:
        return bool(await dialog)
    finally:
        dialog.delete()
