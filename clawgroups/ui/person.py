"""The person who looks at a page: every handler acts as them, and the browser's own scripts know them too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nicegui import Client, ui

from clawgroups.dispatcher.accounts.rights import DEEDS, NEEDS, ORDER, needs_of_answers
from clawgroups.dispatcher.accounts.sign_ins import Who
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import Forbidden, NotSignedIn
from clawgroups.group import commands as cmd

log = logging.getLogger("clawgroups.ui")


def person() -> Who:
    """Whose page is being built or has sent an event. Raises NotSignedIn where the gate let nobody in."""
    request = ui.context.client.request
    who: Who | None = getattr(request.state, "who", None)
    if who is None:
        raise NotSignedIn()
    return who


def told() -> dict[str, Any]:
    """What the page's scripts are told: who it is, and the least role for what has a button somewhere."""
    who = person()
    needs: dict[str, str] = {kind.__name__: least.value for kind, least in NEEDS.items() if least is not None}
    needs |= {deed: least.value for deed, least in DEEDS.items()} | needs_of_answers()
    return {
        "id": who.id,
        "name": who.name,
        "role": who.role.value,
        "open": who.open,
        "roles": [role.value for role in ORDER],
        "needs": needs,
    }


def same_person(client: Client) -> None:
    """A socket gets only a page that was made for the same person: one left open in this browser by somebody else would
    act as them."""
    made_for = getattr(client.request.state, "who", None)
    scope = (client.environ or {}).get("asgi.scope", {})
    comes = scope.get("state", {}).get("who")
    if not _same(made_for, comes):
        log.warning("a page was asked for by another person", extra={"action": "foreign_page"})
        client.delete()


def _same(made_for: Who | None, comes: Who | None) -> bool:
    parts = [(who.id, who.role, who.open) for who in (made_for, comes) if who is not None]
    return len(parts) == 2 and parts[0] == parts[1]


def why_not(house: Dispatcher, kind: type[cmd.Command]) -> str:
    """Why the person of this page may not send such a command; empty when they may."""
    return _said(lambda: house.accounts.check(person().id, kind))


def why_no_deed(house: Dispatcher, deed: str) -> str:
    """The same for what is no command; see ``rights.DEEDS``."""
    return _said(lambda: house.accounts.check_deed(person().id, deed))


def _said(check: Callable[[], None]) -> str:
    try:
        check()
    except Forbidden as error:
        return f"{error.sentence} {error.hint}"
    return ""
