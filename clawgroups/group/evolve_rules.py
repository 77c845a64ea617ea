"""Where the meaning of each event is kept: one function an event, found by its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from clawgroups.group import events as ev
from clawgroups.group.state import Agent, Group

E = TypeVar("E", bound=ev.Event)

A = TypeVar("A", bound=ev.AgentEvent)


GROUP_RULES: dict[type[ev.Event], Callable[[Group, Any, int], Group]] = {}

AGENT_RULES: dict[type[ev.AgentEvent], Callable[[Agent, Any, int], Agent]] = {}


def on_group(
    kind: type[E],
) -> Callable[[Callable[[Group, E, int], Group]], Callable[[Group, E, int], Group]]:
    def keep(rule: Callable[[Group, E, int], Group]) -> Callable[[Group, E, int], Group]:
        GROUP_RULES[kind] = rule
        return rule

    return keep


def on_agent(
    kind: type[A],
) -> Callable[[Callable[[Agent, A, int], Agent]], Callable[[Agent, A, int], Agent]]:
    def keep(rule: Callable[[Agent, A, int], Agent]) -> Callable[[Agent, A, int], Agent]:
        AGENT_RULES[kind] = rule
        return rule

    return keep
