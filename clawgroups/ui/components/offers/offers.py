"""Offers: model endpoints found on the runner's machine; one click makes one a member and tries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError, LinkError
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.ui.components.style import own_style
from clawgroups.ui.person import person, why_no_deed
from clawgroups.ui.shell import report, say

NAME_LONGEST = 120
OnAdded = Callable[[Member], Awaitable[None]]


class Offers(Element, component="offers.js"):
    """``on_added`` gets the new member and tries it. ``quiet``: nothing is shown while there is none."""

    def __init__(self, house: Dispatcher, on_added: OnAdded | None = None, *, quiet: bool = True) -> None:
        super().__init__()
        own_style(self, __file__)
        self._house = house
        self._on_added = on_added
        self._offers: list[dict[str, Any]] = []
        self._props["offers"] = []
        self._props["quiet"] = quiet
        self._props["state"] = "looking"
        self.on("add", self._add, args=["at"])
        self.on("again", self.look, args=[])

    @property
    def found(self) -> list[dict[str, Any]]:
        """What is offered now."""
        return self._offers

    async def look(self) -> None:
        """Looks what is there now; for who may not have the runner look, there is nothing."""
        may = not why_no_deed(self._house, "offers")
        try:
            self._offers = await self._house.registry.offers() if may else []
            self._props["state"] = "looked"
        except LinkError:  # the banner of the house says it
            self._offers = []
            self._props["state"] = "down"
        self._props["offers"] = self._offers
        self.update()

    async def _add(self, event: GenericEventArguments) -> None:
        await self.take(event.args.get("at"))

    async def take(self, at: object) -> None:
        """Brings the offer of that place in; what is wrong is said on the page."""
        try:
            if isinstance(at, int) and 0 <= at < len(self._offers):
                await self._bring(self._offers[at])
        except ClawError as error:
            report(error)
        finally:
            self.run_method("free")
            await self.look()

    async def _bring(self, offer: dict[str, Any]) -> None:
        config = ModelConfig(base_url=offer["base_url"], model=offer["model"], key_ref=offer["key_ref"])
        about = f"Found by {offer['source']}."
        wanted = Member(
            id="", name=offer["name"][:NAME_LONGEST], kind=MemberKind.MODEL, description=about, model=config
        )
        member = await self._house.registry.add(wanted, "", person().id)
        say(f"{member.name} is a member now.", "It can conduct groups and work in them.", kind="ok")
        if self._on_added is not None:
            await self._on_added(member)
