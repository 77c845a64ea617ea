"""Routes of the house's settings, for admins: the outgoing webhook, and what the server runs with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints
from sqlalchemy import make_url

from clawgroups import __version__
from clawgroups.api.bodies import Body
from clawgroups.api.deps import Asker, House
from clawgroups.api.errors import told
from clawgroups.dispatcher.accounts.sign_ins import Who
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.settings import Settings

router = APIRouter(prefix="/settings")
Json = dict[str, Any]
PREFIX = "CLAWGROUPS_"
Base = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^(https?://[^\s<>|]+)?$")]
READ, CHANGE = told(403), told(403, 413, 415, 422, 503)


def _admin(house: House, who: Asker) -> Who:
    if not who.open:
        house.accounts.check_deed(who.id, "settings")
    return who


Admin = Annotated[Who, Depends(_admin)]


class WebhookBody(Body):
    """What is to change; the rest stays. An empty ``url`` ends the webhook.

    ``private``: it may lead into a private network. ``base``: where people open this server, for links in messages.
    """

    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    kinds: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list, max_length=20)
    private: bool = False
    base: Base = ""


@router.get("", responses=READ)
async def settings(request: Request, house: House, admin: Admin) -> Json:
    """What is set. ``server`` is what it runs with, each with the environment variable that changes it."""
    return {"webhook": house.webhook.view(), "server": facts(house, request.url.netloc)}


@router.patch("/webhook", responses=CHANGE)
async def change_webhook(body: WebhookBody, house: House, admin: Admin) -> Json:
    """Sets the outgoing webhook. Its address is a secret: it is kept, and never shown again whole."""
    changes = body.model_dump(exclude_unset=True)
    if "kinds" in changes:
        changes["kinds"] = tuple(dict.fromkeys(changes["kinds"]))
    if "base" in changes:
        changes["base"] = changes["base"].rstrip("/")
    await house.webhook.change(changes, admin.id)
    return house.webhook.view()


@router.post("/webhook/test", responses=CHANGE)
async def test_webhook(house: House, admin: Admin) -> Json:
    """Sends one message now, and says how it went."""
    return await house.webhook.test(admin.name)


def facts(house: Dispatcher, reached: str) -> list[Json]:
    """What the server runs with. ``reached``: the address under which it was asked."""
    set_to = house.settings
    runner = house.status()["runner"]
    sandbox = runner["sandbox"]
    database = "SQLite" if make_url(set_to.database_url).get_backend_name() == "sqlite" else "PostgreSQL"
    yes = {True: "yes", False: "no"}
    rows = [
        ("version", "Version", __version__, "Install another one and start again; the database is brought along."),
        ("home", "Home", str(set_to.home), ""),
        ("database", "Database", database, "A SQLAlchemy address; empty means SQLite in the home."),
        ("host", "Listens on", set_to.host, f"You reach it as {reached}."),
        ("port", "Port", str(set_to.port or "a free one"), ""),
        ("open_to_network", "Open to other machines", yes[set_to.open_to_network], "It needs sign-in."),
        ("runner", "Starts a runner", yes[set_to.runner], f"The runner is {runner['state']}."),
        ("sandbox", "Sandbox", sandbox["level"] or "not known yet", sandbox["detail"] or "The runner finds out."),
        ("folder", "Folder offered first", str(set_to.folder), ""),
        ("launch_burst", "Launched at once", str(set_to.launch_burst), "Sub-agents, before the ramp."),
        ("launch_per_s", "Launched each second", f"{set_to.launch_per_s:g}", "After those."),
        ("lease_s", "Lease of the wheel", f"{set_to.lease_s:g} s", "Without a sign of life for so long, it pauses."),
        ("stop_timeout_s", "Time to prove a stop", f"{set_to.stop_timeout_s:g} s", "Then its process is killed."),
        *_backend_rows(set_to),
    ]
    known = type(set_to).model_fields
    return [
        {
            "id": key,
            "label": label,
            "value": value,
            "note": note,
            "variable": PREFIX + key.upper() if key in known else "",
        }
        for key, label, value, note in rows
    ]


def _backend_rows(set_to: Settings) -> list[tuple[str, str, str, str]]:
    """How the bundled model server was set. Its token is a secret: only whether there is one is told."""
    return [
        ("backend", "Backend", set_to.backend or "none", "A checkpoint's folder, or the address of one elsewhere."),
        ("backend_options", "Backend's options", set_to.backend_options or "none", "Of a folder served here."),
        ("backend_port", "Backend's port", str(set_to.backend_port), "Of a folder served here."),
        ("backend_python", "Backend's Python", set_to.backend_python or "this program's own", ""),
        ("backend_token", "Backend's token", "set" if set_to.backend_token else "none", "Of a backend elsewhere."),
    ]
