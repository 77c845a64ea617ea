"""The seam between a seat (the runner's loop for one sub-agent) and whatever drives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

from clawgroups.group.thread import Entry, Turn
from clawgroups.group.tools import ToolSpec

DeltaKind: TypeAlias = Literal["text", "reasoning", "call"]
OnDelta: TypeAlias = Callable[[DeltaKind, str], None]
"""Called for every piece of live text; must not block. Pieces are shown, never stored."""


class Driver(Protocol):
    """Takes turns. One instance serves one sub-agent for one epoch."""

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        """Takes one turn on the whole thread so far.

        Raises DriverError with the kept partial text. On cancellation the model call is aborted at
        the server and nothing of the driver may go on.
        """
        ...

    async def close(self) -> None:
        """Stops whatever is left; returns only when it was looked for and not found."""
        ...
