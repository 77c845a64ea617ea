"""What a group may cost in money, steps and time, told before it is made: from the members' prices and the record.

An estimate never guesses what nobody knows: it says so, and names what bounds it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from clawgroups.dispatcher.founding.changes import look_at_change
from clawgroups.dispatcher.founding.estimate_sums import (
    NOTHING,
    Part,
    Range,
    bounds,
    money_words,
    part_of,
    priced,
    spread,
    steps_words,
    time_words,
    usd,
    waves,
)
from clawgroups.dispatcher.founding.folders import look_at
from clawgroups.dispatcher.founding.founding import Crew, crew_of, folder_of
from clawgroups.dispatcher.founding.plans import NewGroup, tasks_of
from clawgroups.dispatcher.founding.template_tasks import CONCERNS
from clawgroups.dispatcher.founding.templates import GOAL, LIST, REVIEW, SURVEY, SWARM, TEMPLATES, Template
from clawgroups.errors import ClawError, Invalid
from clawgroups.group import commands as cmd
from clawgroups.group.members import Member, MemberKind
from clawgroups.ledger.track import PastGroup, PastTask, Track

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

ENOUGH = 3  # tasks of the same template, before those of others are looked at
FRESH_S = 15.0  # how long a folder is not counted again while a form is filled in
MOST_AGENTS = 300
Counted = tuple[float, int]


class Known(Struct, frozen=True):
    """Earlier tasks, and in words whose they are."""

    tasks: list[PastTask]
    words: str = ""


class Size(Struct, frozen=True):
    """How many sub-agents it will have, and how that is known; None: nobody can say. ``note``: what is in the way."""

    count: Range | None
    words: str = ""
    note: str = ""


class Estimates:
    """One per dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._counted: dict[tuple[str, ...], Counted] = {}

    async def of(self, plan: NewGroup, actor: str) -> dict[str, Any]:
        """The estimate, as the API sends it. Raises Forbidden, or Invalid for members or a template not there."""
        self._dispatcher.accounts.check(actor, cmd.CreateGroup)
        template = TEMPLATES.get(plan.template or GOAL.id)
        if template is None:
            raise Invalid(f"There is no template {plan.template!r}.", field="template")
        members = self._dispatcher.house_members()
        crew = crew_of(members, plan, template)
        track = Track(self._dispatcher.ledger.reader)
        groups = await track.groups()
        size = await self._size(plan, template, crew, groups)
        work = await _known(track, groups, crew.worker, plan)
        lead = await _known(track, groups, crew.conductor, plan, conducting=True)
        return _told(plan, crew, size, work, lead, {group.id: group.agents for group in groups})

    async def _size(self, plan: NewGroup, template: Template, crew: Crew, groups: list[PastGroup]) -> Size:
        try:
            count = await self._count(plan, template)
        except ClawError as error:
            return Size(None, note=error.sentence)
        if count is not None:
            return Size(Range(count, count), f"{count:,} sub-agent{'' if count == 1 else 's'}")
        own = [g for g in groups if g.template == "" and g.conductor == crew.conductor.id and g.agents]
        if not own:
            return Size(None, note="How many sub-agents it makes is up to the conductor: this is for one of them.")
        found = spread([group.agents for group in own])
        earlier = f"{len(own)} earlier {'group' if len(own) == 1 else 'groups'} of {crew.conductor.name}"
        low, high = round(found.low), round(found.high)
        return Size(found, f"{low if low == high else f'{low} to {high}'} sub-agents, as in {earlier}")

    async def _count(self, plan: NewGroup, template: Template) -> int | None:
        """How many sub-agents there will be; None where only the conductor knows. Raises ClawError."""
        match template.id:
            case SURVEY.id | REVIEW.id if template is SURVEY or plan.by == "file":
                return await self._counted_in(plan, template)
            case REVIEW.id:
                return len(CONCERNS)
            case SWARM.id:
                return plan.sides
            case LIST.id:
                count = len(tasks_of(plan.lines))
                if not count:
                    raise Invalid("The list is empty: this is for one task.")
                return count
            case _:
                return None

    async def _counted_in(self, plan: NewGroup, template: Template) -> int:
        key = (template.id, plan.folder, plan.base, plan.head)
        at, count = self._counted.get(key, (0.0, 0))
        if time.monotonic() - at > FRESH_S or not at:
            folder = await folder_of(plan, template)
            if template is SURVEY:
                facts = await look_at(self._dispatcher, folder, plan.folder_mode)
                if facts.files is None:
                    raise Invalid("No runner is up yet to count the files: this is for one of them.")
                count = facts.files
            else:
                change = await look_at_change(self._dispatcher, folder, plan.base, plan.head, count_only=True)
                count = change.count
            self._counted = {**dict(list(self._counted.items())[-20:]), key: (time.monotonic(), count)}
        return min(count, plan.limit if template is SURVEY else MOST_AGENTS)


async def _known(
    track: Track, groups: list[PastGroup], member: Member, plan: NewGroup, *, conducting: bool = False
) -> Known:
    """Earlier tasks: of the member in this template, else of the member, else of this template by others."""
    kind = "" if plan.template == GOAL.id else plan.template
    same = {group.id for group in groups if group.template == kind}
    tasks = await track.tasks([group.id for group in groups], member=member.id, conducting=conducting)
    alike = [task for task in tasks if task.group in same]
    noun = "group" if conducting else "task"
    if len(alike) >= ENOUGH or (alike and len(alike) == len(tasks)):
        return Known(alike, f"{_count(len(alike), noun)} of {member.name} like this")
    if tasks:
        return Known(tasks, f"{_count(len(tasks), noun)} of {member.name}")
    others = await track.tasks(sorted(same), conducting=conducting) if same and member.model is not None else []
    others = [task for task in others if task.tokens_in or task.tokens_out]
    return Known(others, f"{_count(len(others), noun)} like this, of other members" if others else "")


def _count(number: int, noun: str) -> str:
    return f"{number} earlier {noun}{'' if number == 1 else 's'}"


def _told(plan: NewGroup, crew: Crew, size: Size, work: Known, lead: Known, agents: dict[str, int]) -> dict[str, Any]:
    count = size.count or Range(1, 1)
    notes = [size.note] if size.note else []
    notes += _prices(crew)
    total = _total(plan, crew, count, work, lead, agents) if work.tasks else None
    if total is None:
        sentence = _unknown(plan, crew)
    else:
        words = [steps_words(total.steps), time_words(total.seconds)]
        free = crew.worker.model is None and crew.conductor.model is None
        if total.money is not None and not free:
            words.insert(0, money_words(total.money))
        sentence = " · ".join(words)
        if not lead.tasks:
            notes.append(f"{crew.conductor.name} has conducted nothing yet: its own steps are not in it.")
    steps, seconds, money = (total.steps, total.seconds, total.money) if total else (None, None, None)
    return {
        "sentence": sentence,
        "known": total is not None,
        "each": size.count is None,
        "agents": _range(size.count),
        "agents_from": size.words,
        "steps": _range(steps),
        "seconds": _range(seconds),
        "usd": _range(money),
        "from": f"From {work.words}." if work.tasks else "",
        "bounds": bounds(plan.limits, steps, seconds, money),
        "notes": notes,
    }


def _total(plan: NewGroup, crew: Crew, count: Range, work: Known, lead: Known, agents: dict[str, int]) -> Part:
    """``agents``: how many sub-agents earlier groups had."""
    each = part_of(work.tasks, crew.worker)
    at_once = min(plan.limits.max_live, crew.worker.capacity or MOST_AGENTS)
    if plan.template == LIST.id:
        at_once = min(at_once, plan.at_once)
    at_once = max(1, at_once)
    steps, seconds = each.steps.times(count), each.seconds.times(waves(count, at_once))
    money = each.money.times(count) if each.money is not None else None
    if lead.tasks:
        own = part_of(lead.tasks, crew.conductor)
        steps += own.steps
        seconds += _beside(work, lead, agents, at_once)
        if crew.conductor.model is not None and priced(crew.conductor.model):
            money = (money or NOTHING) + (own.money or NOTHING)
    return Part(steps, seconds, money)


def _beside(work: Known, lead: Known, agents: dict[str, int], at_once: int) -> Range:
    """The time that groups took beside the work of their sub-agents: the conductor's own, and the launching."""
    longest: dict[str, int] = {}
    for task in work.tasks:
        longest[task.group] = max(longest.get(task.group, 0), task.ms)
    left = [
        max(0, task.ms - longest[task.group] * math.ceil(agents.get(task.group, 1) / at_once)) / 1_000
        for task in lead.tasks
        if task.group in longest
    ]
    return spread(left) if left else NOTHING


def _prices(crew: Crew) -> list[str]:
    found, seen = [], set[str]()
    for member in (crew.worker, crew.conductor):
        if member.id in seen:
            continue
        seen.add(member.id)
        if member.kind is MemberKind.PROGRAM:
            found.append(f"{member.name} is a program and costs nothing.")
        elif member.kind is MemberKind.PERSON:
            found.append(f"{member.name} is a person: the time is theirs, and no money is counted.")
        elif not priced(member.model):
            found.append(f"No price is known for {member.name}, so its money is not counted.")
    return found


def _unknown(plan: NewGroup, crew: Crew) -> str:
    said = f"Nothing has run with {crew.worker.name} yet"
    if crew.worker.model is None and crew.conductor.model is None:
        return f"{said}."
    if plan.limits.budget_usd:
        return f"{said}; at most your budget of {usd(plan.limits.budget_usd)}."
    return f"{said}, and no budget is set."


def _range(found: Range | None) -> dict[str, float] | None:
    return {"low": round(found.low, 6), "high": round(found.high, 6)} if found is not None else None
