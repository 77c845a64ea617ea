"""Gives a component its own style sheet, once a page."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

from nicegui import Client, ui
from nicegui.element import Element

_styled: WeakKeyDictionary[Client, set[str]] = WeakKeyDictionary()


def own_style(element: Element, module: str) -> None:
    """Adds the sheet beside ``module`` (its ``__file__``) to the page that ``element`` is on."""
    sheet = Path(module).with_suffix(".css")
    known = _styled.setdefault(element.client, set())
    if sheet.name not in known:
        known.add(sheet.name)
        ui.add_head_html(f"<style>{sheet.read_text(encoding='utf-8')}</style>")
