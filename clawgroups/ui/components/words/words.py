"""A text field whose unsent words stay in the browser until they are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Action(NamedTuple):
    """A button under the field. The first one is what Ctrl+Enter does. ``look`` is a class of the theme."""

    id: str
    label: str
    look: str = ""
    empty_ok: bool = False


Acted = Callable[[str, str], Awaitable[bool]]


class Words(Element, component="words.js"):
    """``keep`` names the draft in the browser's storage.

    ``tells``: as what those who watch see the words while they are written (``static/unsent.js``); empty: not at all.
    ``on_act`` gets the action's id and the words, and says whether they arrived; only then is the draft forgotten.
    """

    def __init__(
        self,
        keep: str,
        label: str,
        actions: Sequence[Action],
        on_act: Acted,
        *,
        hint: str = "",
        rows: int = 4,
        tells: str = "",
    ) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["keep"] = keep
        self._props["label"] = label
        self._props["hint"] = hint
        self._props["rows"] = rows
        self._props["tells"] = tells
        self._props["actions"] = [action._asdict() for action in actions]
        self._props["off"] = ""

        async def act(event: GenericEventArguments) -> None:
            args: dict[str, Any] = event.args
            arrived = False
            try:
                arrived = await on_act(str(args.get("id", "")), str(args.get("text", "")))
            finally:
                self.run_method("clear" if arrived else "free")

        self.on("act", act, args=["id", "text"])

    def on_typed(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """Called with the words a moment after the person stops typing, and once with what was kept."""

        async def typed(event: GenericEventArguments) -> None:
            await callback(str(event.args.get("text", "")))

        self.on("typed", typed, args=["text"])

    def begin(self, text: str) -> None:
        """Puts ``text`` in as a start; what is there already stays above it."""
        self.run_method("begin", text)

    def turn_off(self, why: str) -> None:
        """Keeps the words but does not let them be sent; empty ``why`` turns it on again."""
        if self._props["off"] != why:
            self._props["off"] = why
            self.update()
