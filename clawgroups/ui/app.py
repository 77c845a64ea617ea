"""Puts the pages on the server: NiceGUI beside the API, in one process, with nothing fetched from elsewhere."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import nicegui
from fastapi import FastAPI
from nicegui import app as pages_app
from nicegui import ui
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.ui import shell
from clawgroups.ui.nonce import add_nonces
from clawgroups.ui.person import same_person

STATIC = Path(__file__).parent / "static"
FONTS = Path(nicegui.__file__).parent / "static"  # the bundled library's: fonts.css and the files it names
PAGES = (
    "home",
    "new_group",
    "group",
    "take_over",
    "members",
    "history",
    "sign_in",
    "set_up",
    "people",
    "settings",
    "backend",
)
RECONNECT_S = 20.0  # a person at the wheel must not lose the page to a short drop


class Assets(StaticFiles):
    """Our own styles and scripts. The browser asks each time whether they changed, so an upgrade shows at once."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """The file, to be checked again before it is used from the browser's cache."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount(app: FastAPI, *, storage_secret: str) -> None:
    """Adds the pages to ``app``, whose ``state.dispatcher`` is the house they show.

    ``storage_secret`` signs the browser's session cookie.
    """
    house = cast(Dispatcher, app.state.dispatcher)
    app.mount("/claw/fonts", StaticFiles(directory=FONTS), name="fonts")  # for the pages of strangers, too
    app.mount("/claw", Assets(directory=STATIC), name="claw")
    for name in PAGES:
        if importlib.util.find_spec(f"clawgroups.ui.pages.{name}"):
            importlib.import_module(f"clawgroups.ui.pages.{name}").register(house)
    add_nonces()
    pages_app.on_page_exception(shell.broken_page)
    pages_app.on_connect(same_person)
    ui.run_with(
        app,
        title="Claw Groups",
        favicon=STATIC / "icon.svg",
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        binding_refresh_interval=None,
        storage_secret=storage_secret,
        show_welcome_message=False,
    )
