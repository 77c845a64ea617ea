"""Whose turn it is: each client has had so many tokens, and whoever has had the fewest is next.

A client that comes back does not get what it missed while it asked for nothing: it starts where the least served of
the others stands (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from backend.engine.sequence import Sequence


class Turns:
    """The clients that have something waiting or running, what waits of each, and how much each has had."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Sequence]] = {}
        self._served: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sequence]:
        return (sequence for queue in self._waiting.values() for sequence in queue)

    def arrive(self, sequence: Sequence) -> None:
        """It waits behind its client's others."""
        client = sequence.request.client
        if client not in self._served:
            self._served[client] = min(self._served.values(), default=0)
        self._waiting.setdefault(client, deque()).append(sequence)
        self._count += 1

    def let_in(self, sequence: Sequence) -> None:
        """It runs now."""
        self._withdraw(sequence)
        client = sequence.request.client
        self._running[client] = self._running.get(client, 0) + 1

    def give_up(self, sequence: Sequence) -> None:
        """It does not wait any longer."""
        self._withdraw(sequence)
        self._tidy(sequence.request.client)

    def end(self, sequence: Sequence) -> None:
        """It has run."""
        client = sequence.request.client
        self._running[client] -= 1
        self._tidy(client)

    def charge(self, client: str, tokens: int) -> None:
        """``client`` has had ``tokens`` more."""
        self._served[client] += tokens

    def served(self, client: str) -> int:
        """Tokens that ``client`` has had, on the common scale."""
        return self._served[client]

    def clients(self) -> list[str]:
        """All, in the order in which they came."""
        return list(self._served)

    def queue(self, client: str) -> list[Sequence]:
        """What waits of ``client``, in order."""
        return list(self._waiting.get(client, ()))

    def _withdraw(self, sequence: Sequence) -> None:
        queue = self._waiting[sequence.request.client]
        queue.remove(sequence)
        self._count -= 1
        if not queue:
            del self._waiting[sequence.request.client]

    def _tidy(self, client: str) -> None:
        if not self._running.get(client):
            self._running.pop(client, None)
            if client not in self._waiting:
                del self._served[client]
