"""The page behind one-time links: the first admin's account, or an invited person's password."""

from __future__ import annotations

from nicegui import app as pages_app
from starlette.requests import Request
from starlette.responses import Response

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.ui.way_in import field, hidden, new_password, page


def register(house: Dispatcher) -> None:
    """Adds the page ``/set-up``."""

    @pages_app.get("/set-up", include_in_schema=False)
    async def set_up(request: Request, key: str = "", invite: str = "") -> Response:
        return _invited(house, invite) if invite else _first(house, key)


def _first(house: Dispatcher, key: str) -> Response:
    if house.accounts.in_force or not house.accounts.set_up_key.fits(key):
        words = "This set-up link is not valid, or it was used. The newest one is in the log of the server."
        return page("Nothing to set up", words, status=403)
    known = house.house_members().get(LOCAL_ADMIN)
    fields = (
        hidden("key", key)
        + field("name", "Your name, as others see it", value=known.name if known else "", complete="name")
        + field("sign_in_name", "Sign-in name", complete="username")
        + new_password()
    )
    words = "You become the first admin. From then on everybody signs in, and what was done here so far stays yours."
    return page("Set up sign-in", words, post="/api/v1/set-up", fields=fields, send="Make the account")


def _invited(house: Dispatcher, key: str) -> Response:
    account = house.accounts.invited(key)
    if account is None:
        return page("This link has had its day", "It was used or is too old. Ask an admin for a new one.", status=403)
    fields = (
        hidden("key", key)
        + f'<input type="text" value="{account.sign_in_name}" autocomplete="username" hidden>'
        + new_password()
    )
    words = f"Your sign-in name is {account.sign_in_name}. Choose the password that belongs to it."
    return page(f"Welcome, {account.name}", words, post="/api/v1/invitation", fields=fields, send="Set it and come in")
