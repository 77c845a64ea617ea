"""The sign-in page: a name and a password."""

from __future__ import annotations

from nicegui import app as pages_app
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui.way_in import field, page


def register(house: Dispatcher) -> None:
    """Adds the page ``/sign-in``."""

    @pages_app.get("/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        if not house.accounts.in_force:
            return RedirectResponse("/", status_code=303)
        fields = field("name", "Sign-in name", complete="username") + field(
            "password", "Password", kind="password", complete="current-password"
        )
        words = "This control room is for people with an account. An admin can invite you."
        return page("Sign in", words, post="/api/v1/sign-in", fields=fields, send="Sign in")
