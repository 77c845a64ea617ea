"""The list of accounts for admins, and everybody's own tokens. It speaks to the API itself, which checks the rights."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element

from clawgroups.dispatcher.accounts.rights import ABOUT, ORDER


class PeopleList(Element, component="people_list.js"):
    """Everything on it comes from the API of this server."""

    def __init__(self) -> None:
        super().__init__()
        roles: list[dict[str, Any]] = [{"id": role.value, "about": ABOUT[role]} for role in ORDER]
        self._props["roles"] = roles
