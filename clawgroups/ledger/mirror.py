"""The rows that mirror a batch of events, gathered so that each table is written once a batch. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from clawgroups.group import events as ev
from clawgroups.group.members import Member
from clawgroups.group.state import Agent, Group
from clawgroups.group.thread import Usage
from clawgroups.ledger.faults import BadRow
from clawgroups.ledger.mirror_messages import message, posted, steer_delivered
from clawgroups.ledger.rows import AgentRow, EventRow, Row, Rows, StepRow
from clawgroups.ledger.words import clean, json_text, key, number

HOUSE = "house"  # the group whose members are the installation's
PREVIEW = 160
DAY_MS = 86_400_000


class GroupCommit(NamedTuple):
    """All events of one group in a batch, in order, and its state after them."""

    after: Group
    records: Sequence[ev.Recorded]


def rows_of(commits: Sequence[GroupCommit]) -> Rows:
    """Everything that one transaction writes."""
    rows = Rows()
    for commit in commits:
        _add_group(rows, commit)
    return rows


def _add_group(rows: Rows, commit: GroupCommit) -> None:
    _check_numbers(commit)
    after = commit.after
    touched: dict[str, None] = {}
    for recorded in commit.records:
        event = recorded.event
        rows.events.append(_event_row(after.id, recorded))
        if recorded.agent:
            touched[recorded.agent] = None
        add = _ADD.get(type(event))
        if add is not None:
            add(rows, after, recorded, event)
        if isinstance(event, (ev.AgentFinished, ev.AgentFailed, ev.AgentCancelled)):  # its parent's stage grows
            touched[after.agents[recorded.agent].parent] = None
    touched.pop("", None)
    rows.agents += [_agent_row(after.id, after.agents[agent_id]) for agent_id in touched]
    rows.groups.append(_group_row(after))


def _check_numbers(commit: GroupCommit) -> None:
    """The record has no gaps; a slip in the program must not make one."""
    first = commit.after.seq - len(commit.records) + 1
    for wanted, recorded in enumerate(commit.records, first):
        if recorded.seq != wanted:
            raise BadRow(f"Event {recorded.seq} of group {commit.after.id} stands where event {wanted} belongs.")


def _event_row(group_id: str, recorded: ev.Recorded) -> EventRow:
    return EventRow(
        group_id,
        recorded.seq,
        recorded.at,
        clean(recorded.actor),
        recorded.agent,
        recorded.epoch,
        recorded.kind,
        body=json_text(recorded.event),
    )


def _group_row(group: Group) -> Row:
    return {
        "id": group.id,
        "name": clean(group.name),
        "goal": clean(group.goal),
        "status": group.status.value,
        "created_at": group.created_at,
        "started_at": group.started_at,
        "ended_at": group.ended_at,
        "steps": group.steps,
        "tokens_in": number(group.tokens_in),
        "tokens_out": number(group.tokens_out),
        "cached": number(group.cached),
        "cost": group.cost,
        "seq": group.seq,
        "state": json_text(replace(group, agents={}, requests={})),  # those have tables of their own
    }


def _agent_row(group_id: str, agent: Agent) -> AgentRow:
    return AgentRow(
        agent.id,
        group_id,
        agent.number,
        clean(agent.name),
        clean(agent.role),
        agent.parent,
        agent.status.value,
        clean(agent.member),
        clean(agent.driver.member) if agent.driver else "",
        agent.epoch,
        agent.seat,
        agent.step,
        number(agent.tokens_in + agent.tokens_out),
        agent.cost,
        agent.created_at,
        state=json_text(agent),
    )


def _created(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.AgentCreated) -> None:
    rows.tasks.append(
        {
            "agent_id": event.agent,
            "title": clean(event.title),
            "task": clean(event.task),
            "system_prompt": clean(event.system_prompt),
            "acceptance": clean(event.acceptance),
        }
    )


def _step(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.StepCommitted) -> None:
    usage = event.usage
    if event.agent not in rows.at_step:
        _move_changes(rows, event)
    rows.at_step[event.agent] = event.step
    rows.steps.append(
        StepRow(
            event.agent,
            event.step,
            group.id,
            recorded.seq,
            event.epoch,
            clean(event.by),
            recorded.at,
            clean(event.finish),
            number(usage.tokens_in),
            number(usage.tokens_out),
            number(usage.cached),
            usage.cost,
            preview=clean(event.content[:PREVIEW]),
        )
    )
    for call in event.calls:
        rows.calls[event.agent, event.step, call.id] = {
            "agent_id": event.agent,
            "step": event.step,
            "call_id": key(call.id),
            "group_id": group.id,
            "name": clean(call.name),
            "status": call.status.value,
            "fate": "",
            "proposed_seq": recorded.seq,
            "closed_seq": 0,
            "at": recorded.at,
            "closed_at": 0,
        }
    _add_usage(rows, group.id, event.by, recorded.at, usage)


def _move_changes(rows: Rows, event: ev.StepCommitted) -> None:
    """Calls changed earlier in this batch were taken for the last step's; they are the step's before this one."""
    stray = [k for k in rows.calls_changed if k[0] == event.agent and k[1] != event.step - 1]
    for agent, step, call in stray:
        change = rows.calls_changed.pop((agent, step, call))
        change["p_step"] = event.step - 1
        rows.calls_changed[agent, event.step - 1, call] = change


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    """The date of that day since 1970, in UTC."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=number)).isoformat()


def _add_usage(rows: Rows, group_id: str, member: str, at: int, usage: Usage) -> None:
    day = _day(at // DAY_MS)
    row = rows.usage.get((group_id, member, day))
    if row is None:
        row = {
            "group_id": group_id,
            "member": key(member),
            "day": day,
            "steps": 0,
            "tokens_in": 0,
            "tokens_out": 0,
            "cached": 0,
            "cost": 0.0,
        }
        rows.usage[group_id, member, day] = row
    row["steps"] += 1
    row["tokens_in"] = number(row["tokens_in"] + usage.tokens_in)
    row["tokens_out"] = number(row["tokens_out"] + usage.tokens_out)
    row["cached"] = number(row["cached"] + usage.cached)
    row["cost"] += usage.cost


def _change_call(rows: Rows, group: Group, agent: str, call: str, change: Row) -> None:
    """The row of an open call changes; a call of this batch's own step is changed before it is written."""
    step = rows.at_step.get(agent, group.agents[agent].step)
    made = rows.calls.get((agent, step, call))
    if made is not None:
        made.update(change)
        return
    at = {"p_agent": agent, "p_step": step, "p_call": key(call)}
    rows.calls_changed[agent, step, call] = {**at, "fate": "", "closed_seq": 0, "closed_at": 0, **change}


def _call_status(status: str) -> Callable[[Rows, Group, ev.Recorded, Any], None]:
    def add(rows: Rows, group: Group, recorded: ev.Recorded, event: Any) -> None:
        _change_call(rows, group, event.agent, event.call, {"status": status or event.status.value})

    return add


def _call_closed(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.CallClosed) -> None:
    end = {"status": "closed", "fate": event.fate.value, "closed_seq": recorded.seq, "closed_at": recorded.at}
    _change_call(rows, group, event.agent, event.call, end)
    _add_snapshot(rows, group.id, recorded, event.snapshot)
    for path in event.changed:
        rows.artifacts[event.agent, path] = {
            "agent_id": event.agent,
            "path": key(path),
            "group_id": group.id,
            "seq": recorded.seq,
            "at": recorded.at,
            "snapshot": clean(event.snapshot),
        }


def _stopped(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.DriverStopped) -> None:
    _add_snapshot(rows, group.id, recorded, event.snapshot)


def _add_snapshot(rows: Rows, group_id: str, recorded: ev.Recorded, tree: str) -> None:
    if tree:
        rows.snapshots.append(
            {"agent_id": recorded.agent, "seq": recorded.seq, "group_id": group_id, "tree": clean(tree)}
        )


def _request_opened(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.RequestOpened) -> None:
    rows.requests[event.request] = {
        "id": event.request,
        "group_id": group.id,
        "agent_id": event.agent,
        "kind": event.request_kind.value,
        "title": clean(event.title),
        "detail": clean(event.detail),
        "arguments": clean(event.arguments),
        "choices": json_text([{"id": c.id, "label": c.label, "needs": c.needs} for c in event.choices]),
        "call": clean(event.call),
        "tool": clean(event.tool),
        "opened_at": recorded.at,
        "state": "open",
        "answered_at": 0,
        "decision": "",
        "by_member": "",
        "answer": "",
        "scope": "",
        "assigned_to": "",
        "assigned_at": 0,
    }


def _request_assigned(rows: Rows, group: Group, recorded: ev.Recorded, event: Any) -> None:
    """Who has it now; a request of this batch is changed before it is written."""
    to = event.to if isinstance(event, ev.RequestAssigned) else ""
    change = {"assigned_to": clean(to), "assigned_at": recorded.at if to else 0}
    made = rows.requests.get(event.request)
    if made is not None:
        made.update(change)
    else:
        rows.requests_assigned[event.request] = {"p_id": event.request, **change}


def _request_closed(rows: Rows, recorded: ev.Recorded, request: str, change: Row) -> None:
    words = {"decision": "", "answer": "", "scope": "", "by_member": clean(recorded.actor)}
    closed = {**words, **change, "answered_at": recorded.at}
    made = rows.requests.get(request)
    if made is not None:
        made.update(closed)
    else:
        rows.requests_closed.append({"p_id": request, **closed})


def _request_answered(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.RequestAnswered) -> None:
    change = {
        "state": "answered",
        "decision": clean(event.decision),
        "by_member": clean(event.by),
        "answer": clean(event.text),
        "scope": clean(event.scope),
    }
    _request_closed(rows, recorded, event.request, change)


def _request_withdrawn(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.RequestWithdrawn) -> None:
    _request_closed(rows, recorded, event.request, {"state": "withdrawn"})


def _group_created(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.GroupCreated) -> None:
    for member in event.members:
        _add_member(rows, group, member)


def _member(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.MemberJoined) -> None:
    _add_member(rows, group, event.member)


def _add_member(rows: Rows, group: Group, member: Member) -> None:
    if group.id != HOUSE:
        return
    rows.members_left.pop(member.id, None)
    rows.members[member.id] = {
        "id": key(member.id),
        "name": clean(member.name),
        "kind": member.kind.value,
        "body": json_text(member),
        "removed_at": 0,
    }


def _member_left(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.MemberLeft) -> None:
    if group.id != HOUSE:
        return
    made = rows.members.get(event.member)
    if made is not None:
        made["removed_at"] = recorded.at
    else:
        rows.members_left[event.member] = {"p_id": key(event.member), "removed_at": recorded.at}


_ADD: dict[type[ev.Event], Callable[[Rows, Group, ev.Recorded, Any], None]] = {
    ev.GroupCreated: _group_created,
    ev.AgentCreated: _created,
    ev.StepCommitted: _step,
    ev.CallReleased: _call_status("released"),
    ev.CallWaits: _call_status(""),
    ev.CallUncertain: _call_status("unknown"),
    ev.CallClosed: _call_closed,
    ev.DriverStopped: _stopped,
    ev.RequestOpened: _request_opened,
    ev.RequestAssigned: _request_assigned,
    ev.RequestLetGo: _request_assigned,
    ev.RequestAnswered: _request_answered,
    ev.RequestWithdrawn: _request_withdrawn,
    ev.SteerQueued: message("steer", lambda event: event.text),
    ev.SteerDelivered: steer_delivered,
    ev.MessagePosted: posted,
    ev.RulesChanged: message("rules", lambda event: event.rules),
    ev.HandedBack: message("hand_back", lambda event: event.note),
    ev.Reassigned: message("reassign", lambda event: event.reason),
    ev.MemberJoined: _member,
    ev.MemberLeft: _member_left,
}
