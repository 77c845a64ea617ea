"""The terminal element: NiceGUI's bundled xterm.js on a socket of its own, so that output never waits for the page."""

from __future__ import annotations

from pathlib import Path

from nicegui.element import Element
from nicegui.elements import xterm  # its package names the bundled module for the browser

from clawgroups.ui.components.style import own_style

BUNDLED = Path(xterm.__file__).parent / "dist"


class Terminal(Element, component="terminal.js"):
    """One sub-agent's terminal. Whoever holds the wheel types; everybody else sees the same."""

    def __init__(self, agent_id: str) -> None:
        super().__init__()
        own_style(self, __file__)
        self.add_resource(BUNDLED)
        self._props["agent-id"] = agent_id
        self.show(mine=False, epoch=0, off="", holder="", why="")

    def show(self, *, mine: bool, epoch: int, off: str, holder: str, why: str) -> None:
        """``mine``: this viewer may type at ``epoch``; ``off``: why nobody may; ``holder``: the person who does;
        ``why``: why this viewer may not."""
        wanted = {"mine": mine, "epoch": epoch, "off": off, "holder": holder, "why": why}
        if self._props.get("wheel") != wanted:
            self._props["wheel"] = wanted
            self.update()
