"""What the control controls: one engine under supervision, whichever it is."""

from __future__ import annotations

from typing import Protocol

from backend.control.shapes import Status


class Subject(Protocol):
    """``metrics_url`` is where the engine's figures are read, "" while it has none."""

    @property
    def metrics_url(self) -> str: ...

    def status(self) -> Status:
        """What it is and does now, without figures and GPUs."""
        ...

    def log(self, after: int) -> list[tuple[int, str]]:
        """Lines of its log after a line's number, oldest first; numbers begin with 1."""
        ...

    async def start(self) -> None:
        """Starts it; nothing where it runs."""
        ...

    async def stop(self) -> None:
        """Drains and stops it; nothing where it is stopped."""
        ...

    async def restart(self) -> None:
        """Stops and starts it."""
        ...
