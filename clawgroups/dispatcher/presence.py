"""Who watches a group, and which sub-agents they have open: for the feed, bounded and told at most twice a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

EVERY_S = 0.5
MOST_PEOPLE, MOST_AGENTS = 60, 20
People = list[dict[str, Any]]


class Watcher(Protocol):
    """One browser of a person."""

    person: tuple[str, str]
    looks_at: str


class Present:
    """What the viewers of one group were told last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: People = []
        self._at = float("-inf")

    def news(self, watchers: Iterable[Watcher]) -> People | None:
        """Who is there, where that is news and it is time for it."""
        if self._clock() - self._at < EVERY_S:
            return None
        present = people_of(watchers)
        self._at = self._clock()
        if present == self._told:
            return None
        self._told = present
        return present

    def whole(self, watchers: Iterable[Watcher]) -> People:
        """Who is there, for one who is new; where nobody else is there, that is no news afterwards."""
        present = people_of(watchers)
        if len(present) == 1:
            self._told = present
        return present


def people_of(watchers: Iterable[Watcher]) -> People:
    """Each person once, by name, with what they have open in any of their browsers."""
    found: dict[str, tuple[str, set[str]]] = {}
    for watcher in watchers:
        person, name = watcher.person
        if person:
            agents = found.setdefault(person, (name, set()))[1]
            agents |= {watcher.looks_at} - {""}
    ordered = sorted(found.items(), key=lambda item: (item[1][0].lower(), item[0]))
    return [
        {"id": person, "name": name, "agents": sorted(agents)[:MOST_AGENTS]}
        for person, (name, agents) in ordered[:MOST_PEOPLE]
    ]
