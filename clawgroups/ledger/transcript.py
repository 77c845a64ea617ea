"""Turns a sub-agent's events into the lines of its thread. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clawgroups.group import events as ev
from clawgroups.group.thread import Entry, ToolCall

FATE_WORDS = {
    "not_started": "This call was never started.",
    "unknown": "Whether this call took effect is not known. Look before you do it again.",
    "denied": "A person denied this call.",
}


def entries_of(seq: int, at: int, event: ev.Event) -> list[Entry]:
    """The thread lines that one event makes; most make none or one."""
    make = _MAKE.get(type(event))
    return make(seq, at, event) if make else []


def _created(seq: int, at: int, event: ev.AgentCreated) -> list[Entry]:
    entries = []
    if event.system_prompt:
        entries.append(Entry(role="system", content=event.system_prompt, seq=seq, at=at))
    if event.task:
        text = event.task
        if event.acceptance:
            text += f"\n\nThe result is accepted when: {event.acceptance}"
        entries.append(Entry(role="user", content=text, kind="task", by=event.parent, seq=seq, at=at))
    return entries


def _step(seq: int, at: int, event: ev.StepCommitted) -> list[Entry]:
    calls = tuple(ToolCall(id=c.id, name=c.name, arguments=c.arguments) for c in event.calls)
    return [
        Entry(
            role="assistant",
            content=event.content,
            reasoning=event.reasoning,
            calls=calls,
            by=event.by,
            step=event.step,
            seq=seq,
            at=at,
        )
    ]


def _closed(seq: int, at: int, event: ev.CallClosed) -> list[Entry]:
    fate = event.fate.value
    return [
        Entry(
            role="tool",
            content=event.content or FATE_WORDS.get(fate, ""),
            call_id=event.call,
            name=event.name,
            by=event.by,
            fate=fate,
            seq=seq,
            at=at,
        )
    ]


def _steer(seq: int, at: int, event: ev.SteerDelivered) -> list[Entry]:
    files = event.attachments
    return [Entry(role="user", content=event.text, by=event.by, kind="steer", seq=seq, at=at, attachments=files)]


def _stopped(seq: int, at: int, event: ev.DriverStopped) -> list[Entry]:
    if not event.partial and not event.partial_reasoning:
        return []
    return [
        Entry(
            role="assistant",
            content=event.partial,
            reasoning=event.partial_reasoning,
            by=event.by,
            unfinished=True,
            fate="interrupted",
            seq=seq,
            at=at,
        )
    ]


def _failed(seq: int, at: int, event: ev.DriverFailed) -> list[Entry]:
    if not event.partial:
        return []
    return [Entry(role="assistant", content=event.partial, by=event.by, unfinished=True, fate="failed", seq=seq, at=at)]


def _handed_back(seq: int, at: int, event: ev.HandedBack) -> list[Entry]:
    text = event.record or event.note
    return [Entry(role="user", content=text, by=event.former, kind="hand_back", seq=seq, at=at)] if text else []


def _reassigned(seq: int, at: int, event: ev.Reassigned) -> list[Entry]:
    if event.briefing:
        return []  # told by ``Briefed``, once the old driver has stopped
    text = event.record or event.reason
    return [Entry(role="user", content=text, by=event.former, kind="reassign", seq=seq, at=at)] if text else []


def _briefed(seq: int, at: int, event: ev.Briefed) -> list[Entry]:
    return [Entry(role="user", content=event.text, by=event.by, kind="reassign", seq=seq, at=at)]


def _resumed(seq: int, at: int, event: ev.AgentResumed) -> list[Entry]:
    record = event.record
    return [Entry(role="user", content=record, by=event.by, kind="lapse", seq=seq, at=at)] if record else []


def _late(seq: int, at: int, event: ev.LateWriteKept) -> list[Entry]:
    return [Entry(role="assistant", content=event.content, by=event.by, kind="late", unfinished=True, seq=seq, at=at)]


_MAKE: dict[type[ev.Event], Callable[[int, int, Any], list[Entry]]] = {
    ev.AgentCreated: _created,
    ev.StepCommitted: _step,
    ev.CallClosed: _closed,
    ev.SteerDelivered: _steer,
    ev.DriverStopped: _stopped,
    ev.DriverFailed: _failed,
    ev.HandedBack: _handed_back,
    ev.Reassigned: _reassigned,
    ev.Briefed: _briefed,
    ev.AgentResumed: _resumed,
    ev.LateWriteKept: _late,
}
KINDS = tuple(ev.KINDS[kind] for kind in _MAKE)
LATE = ev.KINDS[ev.LateWriteKept]
