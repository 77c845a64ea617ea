"""The first page: all groups, what needs a person in any of them, and in a new house the first steps."""

from __future__ import annotations

from nicegui import ui
from nicegui.events import GenericEventArguments

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.group.members import Member
from clawgroups.ui.components.board.board import Board
from clawgroups.ui.components.board.overview import Overview
from clawgroups.ui.components.guide.guide import FirstSteps
from clawgroups.ui.components.offers.offers import Offers
from clawgroups.ui.person import why_no_deed
from clawgroups.ui.shell import frame, say

EVERY_S = 1.5


def register(house: Dispatcher) -> None:
    """Adds the page ``/``."""
    overview = Overview(house)

    @ui.page("/")
    async def home() -> None:
        async def added(member: Member) -> None:
            result = await house.registry.test(member.id)
            say(result["sentence"], result["hint"], kind="ok" if result["ok"] else "bad")

        async def look() -> None:
            try:
                about = await house.guide.view()
                steps.show(about, offers.found)
                offers.set_visibility(not about["shown"] and not why_no_deed(house, "members"))
                board.show(await overview.read(), guided=about["shown"])
            except ClawError as error:
                board.fail(error.sentence, error.hint)

        async def older(cursor: str) -> None:
            try:
                board.append(await overview.older(cursor))
            except ClawError as error:
                board.fail(error.sentence, error.hint)

        async def take_offer(event: GenericEventArguments) -> None:
            try:
                await offers.take(event.args.get("at"))
            finally:
                steps.run_method("free")
            await look()

        with frame("Groups", active="groups"), ui.element("div").classes("home"):
            steps = FirstSteps()
            steps.on("add", take_offer, args=["at"])
            steps.on("closed", look, args=[])
            offers = Offers(house, added)
            board = Board(str(house.settings.folder))
            board.on_older(older)
        ui.timer(0, look, once=True)
        ui.timer(0, offers.look, once=True)
        ui.timer(EVERY_S, look, immediate=False)
