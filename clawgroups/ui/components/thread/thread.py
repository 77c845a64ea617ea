"""The thread element: pages a transcript from the API and follows it live through the feed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Thread(Element, component="thread.js"):
    """One sub-agent's thread. It fills the height it is given and scrolls by itself.

    ``open_calls`` (id to status) says what calls without a result wait for. ``can_use`` offers the text of an
    interrupted turn as a start.
    """

    def __init__(self, group_id: str, agent_id: str, compact: bool = False, *, can_use: bool = False) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["group-id"] = group_id
        self._props["agent-id"] = agent_id
        self._props["compact"] = compact
        self._props["can-use"] = can_use
        self._props["open-calls"] = {}
        self._props["can-branch"] = self._props["can-rewind"] = False
        self._props["branch-off"] = ""

    def show(self, *, open_calls: dict[str, str], can_use: bool) -> None:
        """What the page knows better than the thread itself."""
        if (self._props["open-calls"], self._props["can-use"]) != (open_calls, can_use):
            self._props["open-calls"] = open_calls
            self._props["can-use"] = can_use
            self.update()

    def offer_branches(self, *, rewind: bool, off: str) -> None:
        """Each step offers to be forked from, and perhaps to be rewound to; ``off``: why this person may not."""
        if (self._props["can-branch"], self._props["can-rewind"], self._props["branch-off"]) != (True, rewind, off):
            self._props["can-branch"], self._props["can-rewind"], self._props["branch-off"] = True, rewind, off
            self.update()

    def on_branch(self, callback: Callable[[int, bool], Awaitable[None]]) -> None:
        """The person wants a fork from the end of a step, or (True) to go back to it."""

        async def branch(event: GenericEventArguments) -> None:
            await callback(int(event.args.get("step", 0)), bool(event.args.get("instead")))

        self.on("branch", branch, args=["step", "instead"])

    def on_moved(self, callback: Callable[[], Awaitable[None]]) -> None:
        """The sub-agent's state changed, or one of its requests: the page should look again."""
        self.on("moved", lambda _: callback(), args=[])

    def on_use(self, callback: Callable[[str], None]) -> None:
        """The person wants the text of an interrupted turn as a start."""

        def use(event: GenericEventArguments) -> None:
            text: Any = event.args.get("text") if isinstance(event.args, dict) else ""
            callback(str(text))

        self.on("use", use, args=["text"])
