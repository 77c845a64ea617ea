"""What every event is: a tagged struct; those about one sub-agent name it."""

from __future__ import annotations

from msgspec import Struct


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Event(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag=_snake):
    """Base of all events; the tag is the class name in snake case."""


class AgentEvent(Event, frozen=True, omit_defaults=True, kw_only=True, tag=_snake):
    """Base of what happens to one sub-agent."""

    agent: str
