"""Templates that people saved: what a group was made from, under a name of its own.

They are no part of any record: they lie in the table beside it, one row each, and are read once at the start.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from clawgroups.dispatcher.founding.plans import MOST_LINES, NewGroup
from clawgroups.dispatcher.founding.template_tasks import settings_in
from clawgroups.dispatcher.founding.templates import LIST, REVIEW, SURVEY, SWARM
from clawgroups.errors import Invalid, NotFound
from clawgroups.group import commands as cmd
from clawgroups.group.state import Group
from clawgroups.ids import new_id, now_ms
from clawgroups.ledger.settings_table import SettingsTable

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.templates")
PREFIX = "template:"
MOST = 200


class SavedTemplate(Struct, frozen=True, kw_only=True):
    """``plan`` is what a group was made from, without a name. ``by``: who saved it."""

    id: str
    name: str
    plan: NewGroup
    by: str = ""
    at: int = 0


class SavedTemplates:
    """One per dispatcher. Whoever may make groups may save, rename and remove templates."""

    def __init__(self, dispatcher: Dispatcher, table: SettingsTable) -> None:
        self._dispatcher = dispatcher
        self._table = table
        self._all: dict[str, SavedTemplate] = {}
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Reads what was saved. One that cannot be read is left out and stays in the table: the house starts anyway."""
        for id_, value in (await self._table.load_all(PREFIX, MOST)).items():
            try:
                self._all[id_] = msgspec.convert(value, SavedTemplate)
            except msgspec.ValidationError as error:
                log.warning("template %s cannot be read: %s", id_, error, extra={"action": "template_unreadable"})

    def all(self) -> list[SavedTemplate]:
        """By name."""
        return sorted(self._all.values(), key=lambda one: (one.name.lower(), one.id))

    def find(self, template_id: str) -> SavedTemplate | None:
        """One of them, or None."""
        return self._all.get(template_id)

    async def save(self, name: str, group_id: str, actor: str) -> SavedTemplate:
        """Makes one from a group. Raises Forbidden, NotFound, or Invalid for a name that is taken."""
        self._dispatcher.accounts.check(actor, cmd.CreateGroup)
        group = await self._dispatcher.group(group_id)
        task = (await self._dispatcher.ledger.reader.agent_texts(group.root))["task"] if group.root else ""
        async with self._changing:
            self._check(name, "")
            if len(self._all) >= MOST:
                raise Invalid(f"There are {MOST} templates already.", hint="Remove one that nobody uses.", field="name")
            made = SavedTemplate(id=new_id(), name=name, plan=plan_of(group, task), by=actor, at=now_ms())
            return await self._put(made)

    async def rename(self, template_id: str, name: str, actor: str) -> SavedTemplate:
        """Raises Forbidden, NotFound, or Invalid for a name that is taken."""
        self._dispatcher.accounts.check(actor, cmd.CreateGroup)
        async with self._changing:
            self._known(template_id)
            self._check(name, template_id)
            return await self._put(replace(self._known(template_id), name=name))

    async def remove(self, template_id: str, actor: str) -> None:
        """Groups that were made from it stay as they are. Raises Forbidden or NotFound."""
        self._dispatcher.accounts.check(actor, cmd.CreateGroup)
        async with self._changing:
            self._known(template_id)
            await self._table.put(PREFIX + template_id, None)
            del self._all[template_id]

    async def _put(self, made: SavedTemplate) -> SavedTemplate:
        await self._table.put(PREFIX + made.id, msgspec.to_builtins(made))
        self._all[made.id] = made
        return made

    def _known(self, template_id: str) -> SavedTemplate:
        found = self._all.get(template_id)
        if found is None:
            hint = "Templates that come with the program stay; those that were saved are listed on the new-group page."
            raise NotFound(f"There is no saved template {template_id}.", hint=hint)
        return found

    def _check(self, name: str, replaces: str) -> None:
        taken = any(one.name.lower() == name.lower() and one.id != replaces for one in self._all.values())
        if taken:
            sentence = f"There is a template named {name!r} already."
            raise Invalid(sentence, hint="Choose another name.", field="name")


def plan_of(group: Group, task: str) -> NewGroup:
    """What the group was made from, as far as it and its conductor's task tell."""
    found = settings_in(task) if group.template else {}
    lines = [line for line in _list(found.get("lines")) if isinstance(line, str)]
    own: dict[str, Any] = {
        SURVEY.id: {"limit": _count(found, "limit", 300, 300), "pace": _count(found, "pace", 12, 1_000)},
        REVIEW.id: {
            "base": str(found.get("base", "")),
            "head": str(found.get("head", "")),
            "by": "concern" if found.get("by") == "concern" else "file",
        },
        SWARM.id: {"sides": max(2, _count(found, "sides", 5, 20))},
        LIST.id: {"lines": "\n".join(lines[:MOST_LINES]), "at_once": group.limits.max_live},
    }
    goal = found.get("goal", group.goal)
    return NewGroup(
        name="",
        goal=goal if isinstance(goal, str) else group.goal,
        rules=group.rules,
        template=group.template,
        folder=group.folder,
        folder_mode=group.folder_mode if group.folder_mode in ("read", "worktree") else "read",
        conductor=group.conductor,
        worker=group.worker,
        limits=group.limits,
        policies=group.policies,
        **own.get(group.template, {}),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(found: dict[str, Any], name: str, usual: int, most: int) -> int:
    value = found.get(name, usual)
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else usual
