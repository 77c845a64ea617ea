"""The board: cards of all groups, drawn by one element that is told only what has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Board(Element, component="board.js"):
    """``folder``: what the survey would look at, named where there is no group yet."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["folder"] = folder
        self._props["guided"] = False
        self._told: dict[str, dict[str, Any]] = {}
        self._requests: list[dict[str, Any]] | None = None

    def show(self, overview: dict[str, Any], *, guided: bool = False) -> None:
        """Tells the browser what is new since the last time. ``guided``: the guide says how to begin."""
        if self._props["guided"] != guided:
            self._props["guided"] = guided
            self.update()
        cards = {card["id"]: card for card in overview["groups"]}
        changed = [card for card in cards.values() if self._told.get(card["id"]) != card]
        order = list(cards) if list(cards) != list(self._told) else None
        requests = overview["requests"] if overview["requests"] != self._requests else None
        first = self._requests is None
        self._told, self._requests = cards, overview["requests"]
        if first or changed or order is not None or requests is not None:
            self.run_method("patch", changed, order, requests, overview["next"])

    def on_older(self, callback: Callable[[str], Awaitable[None]]) -> None:
        """Somebody wants groups that ended before those that are shown; ``callback`` gets the cursor."""

        async def heard(event: GenericEventArguments) -> None:
            await callback(str(event.args or ""))

        self.on("older", heard)

    def append(self, older: dict[str, Any]) -> None:
        """Shows them below the others."""
        self.run_method("append", older["groups"], older["next"])

    def fail(self, sentence: str, hint: str) -> None:
        """Says that the groups cannot be read now; what was shown stays."""
        self.run_method("fail", sentence, hint)
