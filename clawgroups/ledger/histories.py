"""Questions to one sub-agent's record that are asked when a person acts: since when people drive it, why it ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from clawgroups.group import events as ev
from clawgroups.group.members import MemberKind
from clawgroups.ledger import tables as t
from clawgroups.ledger.reader import Reader

_GIVEN = ("taken_over", "driver_granted", "handed_back", "reassigned", "agent_resumed")
_ENDED = ("agent_failed", "agent_cancelled")
PAGE = 20


async def away_since(reader: Reader, agent_id: str) -> int:
    """The number of the event by which a person got the wheel, since when only people have held it; 0: none has.

    A lease that ran out does not end this: what was done before it has still to be told.
    """
    since, before = 0, 2**62
    while rows := await _latest(reader, agent_id, _GIVEN, before, PAGE):
        for row in rows:
            if not _gives_to_a_person(ev.decode(row.kind, row.body)):
                return since
            since = before = row.seq
    return since


def _gives_to_a_person(event: ev.Event) -> bool:
    match event:
        case ev.TakenOver():
            return True
        case ev.DriverGranted() | ev.HandedBack() | ev.Reassigned():
            return event.member_kind is MemberKind.PERSON
    return False  # it was let go on, and told


async def end_reason(reader: Reader, agent_id: str) -> tuple[str, str]:
    """(why it failed, empty when it did not; what its driver had said before, when it could not go on)."""
    ended = await _latest(reader, agent_id, _ENDED, 2**62, 1)
    event = ev.decode(ended[0].kind, ended[0].body) if ended else None
    if not isinstance(event, ev.AgentFailed):
        return "", ""
    last = await _latest(reader, agent_id, ("driver_failed", "step_committed"), ended[0].seq, 1)
    failed = ev.decode(last[0].kind, last[0].body) if last else None
    return event.reason, failed.sentence if isinstance(failed, ev.DriverFailed) else ""


async def lapsed(reader: Reader, agent_id: str) -> str:
    """Whose lease ran out, of a sub-agent that is paused; empty when somebody paused it."""
    found = await _latest(reader, agent_id, ("lease_lapsed", "agent_paused"), 2**62, 1)
    event = ev.decode(found[0].kind, found[0].body) if found else None
    return event.member if isinstance(event, ev.LeaseLapsed) else ""


async def _latest(reader: Reader, agent_id: str, kinds: tuple[str, ...], before: int, limit: int) -> list[Row[Any]]:
    column = t.events.c
    query = select(column.seq, column.kind, column.body)
    query = query.where(column.agent_id == agent_id, column.seq < before, column.kind.in_(kinds))
    return list(await reader.rows(query.order_by(column.seq.desc()).limit(limit)))
