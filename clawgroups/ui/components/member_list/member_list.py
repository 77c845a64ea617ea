"""The list of members: what each is, where it runs, what it is busy with, what it costs, and whether it works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style

OnAct = Callable[[str], Awaitable[None]]


class MemberList(Element, component="member_list.js"):
    """``you`` is the member who sits at this browser. The callbacks get a member's id."""

    def __init__(self, you: str, on_test: OnAct, on_remove: OnAct, on_edit: OnAct) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["you"] = you
        self._props["members"] = []
        self._props["busy"] = []
        self.on("test", _with_id(on_test), args=["id"])
        self.on("remove", _with_id(on_remove), args=["id"])
        self.on("edit", _with_id(on_edit), args=["id"])

    def show(self, members: Sequence[dict[str, Any]], busy: Collection[str]) -> None:
        """``members`` as the registry has them; ``busy``: those that are being tried now."""
        wanted = (list(members), sorted(busy))
        if (self._props["members"], self._props["busy"]) != wanted:
            self._props["members"], self._props["busy"] = wanted
            self.update()

    def return_to(self, member_id: str) -> None:
        """Puts the keyboard back to where the member's form was opened."""
        self.run_method("returnTo", member_id)


def _with_id(callback: OnAct) -> Callable[[GenericEventArguments], Awaitable[None]]:
    async def call(event: GenericEventArguments) -> None:
        await callback(str(event.args.get("id", "")))

    return call
