"""What the last test of each member said; it is about the present, so a restart forgets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from clawgroups.ids import now_ms

Tested = dict[str, Any]


class Health:
    """One per dispatcher, so that every viewer sees the same."""

    def __init__(self) -> None:
        self.said: dict[str, Tested] = {}
        self.busy: set[str] = set()

    async def test(self, member_id: str, probe: Callable[[], Awaitable[Tested]]) -> Tested:
        """Tries a member and keeps what came of it, with its time. Raises what ``probe`` raises."""
        self.busy.add(member_id)
        try:
            answer = await probe()
            self.said[member_id] = {**answer, "at": now_ms()}
        finally:
            self.busy.discard(member_id)
        return answer

    def forget(self, member_id: str) -> None:
        """It was removed, or is another one now."""
        self.said.pop(member_id, None)
