"""What of an event can be found: its words, each named by what it is, and facts to filter history by. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from clawgroups.group import events as ev


class Text(NamedTuple):
    """Words of an event. ``what`` says in a word or two what they are, for people."""

    what: str
    text: str


class Fact(NamedTuple):
    """Something that is true of the whole group from this event on: ``kind`` is one of FACTS."""

    kind: str
    value: str


FACTS = ("tool", "member", "took_over", "answered", "steered")
BETWEEN = "\n\n"  # between two texts of one event


def texts_of(event: ev.Event) -> list[Text]:
    """The words of an event; most kinds have some."""
    make = _TEXTS.get(type(event))
    return [text for text in make(event) if text.text] if make else []


def joined(texts: Sequence[Text]) -> str:
    """All words of an event as one text, as it is indexed."""
    return BETWEEN.join(text.text for text in texts)


def what_at(texts: Sequence[Text], place: int) -> str:
    """What the words at that place of the joined text are."""
    end = 0
    for text in texts:
        end += len(text.text) + len(BETWEEN)
        if place < end:
            return text.what
    return texts[-1].what if texts else ""


def facts_of(event: ev.Event) -> Iterator[Fact]:
    """What an event tells about its group."""
    match event:
        case ev.StepCommitted():
            yield Fact("member", event.by)
            for call in event.calls:
                yield Fact("tool", call.name)
        case ev.TakenOver():
            yield Fact("took_over", event.member)
        case ev.RequestAnswered():
            yield Fact("answered", event.by)
        case ev.SteerQueued():
            yield Fact("steered", event.by)


def _one(what: str, field: str) -> Callable[[Any], list[Text]]:
    return lambda event: [Text(what, getattr(event, field))]


def _group(event: ev.GroupCreated) -> list[Text]:
    return [
        Text("name", event.name),
        Text("goal", event.goal),
        Text("rules", event.rules),
        Text("folder", event.folder),
    ]


def _agent(event: ev.AgentCreated) -> list[Text]:
    who = Text("sub-agent", f"{event.name} {event.title}")
    return [who, Text("task", event.task), Text("acceptance", event.acceptance)]


def _step(event: ev.StepCommitted) -> list[Text]:
    calls = [Text(f"call of {call.name}", f"{call.name} {call.arguments}") for call in event.calls]
    return [Text("said", event.content), Text("thought", event.reasoning), *calls]


def _request(event: ev.RequestOpened) -> list[Text]:
    return [Text("request", event.title), Text("request", event.detail), Text("request", event.arguments)]


def _failed(event: ev.DriverFailed) -> list[Text]:
    return [Text("said, unfinished", event.partial), Text("failure", event.sentence)]


def _stopped(event: ev.DriverStopped) -> list[Text]:
    return [Text("said, unfinished", event.partial), Text("thought, unfinished", event.partial_reasoning)]


_TEXTS: dict[type[ev.Event], Callable[[Any], list[Text]]] = {
    ev.GroupCreated: _group,
    ev.RulesChanged: _one("rules", "rules"),
    ev.MessagePosted: _one("message", "text"),
    ev.AgentCreated: _agent,
    ev.StepCommitted: _step,
    ev.CallClosed: _one("result", "content"),
    ev.SteerQueued: _one("words", "text"),
    ev.DriverStopped: _stopped,
    ev.DriverFailed: _failed,
    ev.HandedBack: _one("note", "note"),
    ev.Reassigned: _one("reason", "reason"),
    ev.RequestOpened: _request,
    ev.RequestAnswered: _one("answer", "text"),
    ev.AgentFinished: _one("result", "result"),
    ev.AgentFailed: _one("failure", "reason"),
    ev.LateWriteKept: _one("late words", "content"),
}
_FACTS: tuple[type[ev.Event], ...] = (ev.StepCommitted, ev.TakenOver, ev.RequestAnswered, ev.SteerQueued)
KINDS = frozenset(ev.KINDS[kind] for kind in (*_TEXTS, *_FACTS))
