"""The guide of a house that is new: four real steps, each ticked off by what is on record and by nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.founding.templates import SURVEY
from clawgroups.group.members import MemberKind
from clawgroups.group.state import AgentStatus, Group
from clawgroups.ledger.settings_table import SettingsTable
from clawgroups.ledger.track import Track

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

KEY = "guide"
FRESH_S = 0.9
SEE, MODEL, WHEEL, PEOPLE = "see", "model", "take_over", "people"
STEPS = (SEE, MODEL, WHEEL, PEOPLE)


class Guide:
    """One per dispatcher. It begins with a house that has no group, and ends when somebody closes it or all is done."""

    def __init__(self, dispatcher: Dispatcher, table: SettingsTable) -> None:
        self._dispatcher = dispatcher
        self._table = table
        self._track = Track(dispatcher.ledger.reader)
        self._shown = False
        self._view: dict[str, Any] = {}
        self._viewed_at = 0.0
        self._done: set[str] = set()  # of what can never be undone: it need not be asked again

    async def open(self) -> None:
        """Reads whether it is shown; at the very first start it is."""
        kept = await self._table.load(KEY)
        if kept is None:
            kept = not await self._track.any_group()
            await self._table.put(KEY, kept)
        self._shown = bool(kept)

    async def show(self, shown: bool) -> None:
        """Shows it, or no longer, for everybody of the house."""
        await self._table.put(KEY, shown)
        self._shown = shown
        self._view = {}

    async def view(self) -> dict[str, Any]:
        """``shown``, and each step: id, done, and what it needs to be taken. Made once for all who look."""
        if not self._view or time.monotonic() - self._viewed_at > FRESH_S:
            self._view = await self._make()
            self._viewed_at = time.monotonic()
        return self._view

    async def _make(self) -> dict[str, Any]:
        done = await self._steps()
        groups = self._dispatcher.open_groups()
        surveys = [g for g in groups if g.template == SURVEY.id and g.started_at]
        survey = max(surveys, key=lambda g: g.created_at).id if surveys else ""
        agent = next((found for group in reversed(groups) if (found := _at_work(group))), None)
        extras: dict[str, dict[str, Any]] = {
            SEE: {"group": survey, "folder": str(self._dispatcher.settings.folder)},
            WHEEL: {"agent": agent[0], "group": agent[1]} if agent else {"agent": "", "group": ""},
        }
        steps = [{"id": step, "done": step in done, **extras.get(step, {})} for step in STEPS]
        return {"shown": self._shown and len(done) < len(STEPS), "steps": steps}

    async def _steps(self) -> set[str]:
        if SEE not in self._done and await self._track.any_group(started=True):
            self._done.add(SEE)
        if WHEEL not in self._done and await self._track.any_take_over():
            self._done.add(WHEEL)
        done = set(self._done)
        if any(member.kind is MemberKind.MODEL for member in self._dispatcher.house_members().values()):
            done.add(MODEL)
        if self._dispatcher.accounts.in_force:
            done.add(PEOPLE)
        return done


def _at_work(group: Group) -> tuple[str, str] | None:
    """A sub-agent of the group whose wheel a person could take now."""
    for agent in group.agents.values():
        if agent.status is AgentStatus.DRIVING and not agent.driven_by_person and not agent.conducts:
            return agent.id, group.id
    return None
