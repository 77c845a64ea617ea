"""People: who may sign in with which role (for admins), and one's own tokens. Before that, how sign-in is set up."""

from __future__ import annotations

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui.components.people_list.people_list import PeopleList
from clawgroups.ui.parts import link, text
from clawgroups.ui.person import person
from clawgroups.ui.shell import frame


def register(house: Dispatcher) -> None:
    """Adds the page ``/people``."""

    @ui.page("/people")
    async def people() -> None:
        with frame("People", active="people"):
            if person().open:
                _not_yet(house)
            else:
                PeopleList()


def _not_yet(house: Dispatcher) -> None:
    """Whoever sees this is on the server's own machine, and its admin."""
    with ui.element("section").classes("blank"):
        text("Nobody signs in here yet", "blank-title")
        text(
            "This server answers on its own machine only, and whoever sits there may do everything. Make the first "
            "account, and other people can be invited, each with a role, from other machines too.",
            "blank-text",
        )
        link("Set up sign-in", f"/set-up?key={house.accounts.set_up_key.read()}", "btn btn-primary")
