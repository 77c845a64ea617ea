"""Unsent words of the person at the wheel: told from their page as they write, shown to those who watch."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Unsent(Element, component="unsent.js"):
    """Nothing is shown while nobody writes. The words go from browser to browser over the feed, and are not stored."""

    def __init__(self, group_id: str, agent_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
        self._props["agent-id"] = agent_id
        self._props["mine"] = False
        self._props["epoch"] = 0

    def show(self, *, mine: bool, epoch: int) -> None:
        """``mine``: this viewer holds the wheel, at ``epoch``, so that what they write is told."""
        if (self._props["mine"], self._props["epoch"]) != (mine, epoch):
            self._props["mine"] = mine
            self._props["epoch"] = epoch
            self.update()
