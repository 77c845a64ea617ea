"""A supervisor as the control sees it."""

from __future__ import annotations

import psutil

from backend.control.shapes import Fault, Progress, Status
from backend.serving.about import About
from backend.supervisor.fleet import Fleet
from backend.supervisor.supervisor import Supervisor

LONGEST = 1_000  # characters of what is told; the log has all


class Supervised:
    """The subject of one control (``backend.control.subject.Subject``)."""

    def __init__(self, supervisor: Supervisor | Fleet, about: About) -> None:
        self._supervisor = supervisor
        self._about = about

    @property
    def metrics_url(self) -> str:
        return self._supervisor.metrics_url

    def status(self) -> Status:
        """What it is and does now, without figures and GPUs."""
        now, about = self._supervisor.status(), self._about
        return Status(
            state=now.state,
            engine=about.engine,
            model=about.model,
            served_name=about.served_name,
            url=about.url,
            context=about.context,
            sees=about.sees,
            attribution=about.attribution,
            progress=Progress(fraction=now.fraction, sentence=now.sentence),
            error=Fault(sentence=now.error.sentence[:LONGEST], hint=now.error.hint[:LONGEST]) if now.error else None,
            restarts=now.restarts,
            since=now.since,
            plan=about.plan,
            memory_bytes=sum(map(_memory, self._supervisor.processes)),
        )

    def log(self, after: int) -> list[tuple[int, str]]:
        """Lines of its log after a line's number."""
        return self._supervisor.log(after)

    async def start(self) -> None:
        """Starts it; nothing where it runs."""
        await self._supervisor.start()

    async def stop(self) -> None:
        """Drains and stops it; nothing where it is stopped."""
        await self._supervisor.stop()

    async def restart(self) -> None:
        """Stops and starts it."""
        await self._supervisor.restart()


def _memory(process: int) -> int:
    """Resident bytes of a process and all that it started; shared pages count once for each."""
    try:
        whole = psutil.Process(process)
        return sum(_resident(one) for one in (whole, *whole.children(recursive=True)))
    except psutil.Error:  # it ended meanwhile
        return 0


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
