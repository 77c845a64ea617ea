"""All seats of this runner, and what the dispatcher's messages mean for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from clawgroups.link import messages as ms
from clawgroups.runner.asks import Asks
from clawgroups.runner.fetches import Fetches
from clawgroups.runner.live import LiveDeltas
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.seat import MakeDriver, Seat
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.house")


class House:
    """Knows which seat an epoch belongs to; what is meant for another epoch is dropped."""

    def __init__(
        self,
        *,
        send: Callable[[ms.FromRunner], None],
        make_driver: MakeDriver,
        toolbox: Toolbox,
        reaper: Reaper,
        live: LiveDeltas,
        asks: Asks,
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self._send = send
        self._make_driver = make_driver
        self._toolbox = toolbox
        self._reaper = reaper
        self._live = live
        self._asks = asks
        self._fetches = Fetches(send)
        self._tasks = Tasks()
        self._asking = Tasks()
        self._newest: dict[str, int] = {}  # sub-agent -> the highest epoch that was seated here
        self._endings: dict[tuple[str, int], asyncio.Task[None]] = {}  # seats that are being stopped

    def hear(self, message: ms.AnyMessage) -> None:
        """One message from the dispatcher. Never blocks."""
        match message:
            case ms.DriveSeat():
                self._take_seat(message)
            case ms.StopSeat():
                self._stop_seat(message)
            case ms.ReleaseCall() | ms.TellSeat() | ms.ProceedSeat():
                self._pass_on(message)
            case ms.TerminalInput() | ms.TerminalSize() | ms.TerminalTaken() | ms.TerminalEnd():
                seat = self._seat(message.agent, message.epoch)
                if seat is not None:
                    seat.hear(message)
            case ms.RefusedWrite():
                seat = self._seat(message.agent, message.epoch)
                if seat is not None:
                    log.info("%s: %s", message.agent, message.sentence, extra={"action": "refused"})
                    self._end(seat, report=False)
            case ms.FilePiece():
                self._fetches.hear(message)
            case ms.Ask():
                self._asking.start(self._answer(message), name=f"ask-{message.what}")
            case _:
                log.warning("unexpected message from the dispatcher: %s", type(message).__name__)

    async def close(self) -> None:
        """Stops every seat and everything it runs."""
        await self._asking.close()
        for seat in list(self.seats.values()):
            self._end(seat, report=False)
        while self._tasks:
            await self._tasks.drain()

    def _take_seat(self, drive: ms.DriveSeat) -> None:
        old = self.seats.get(drive.agent)
        if drive.epoch < self._newest.get(drive.agent, 0) or (old is not None and old.epoch == drive.epoch):
            log.info("%s: the seat of epoch %d came late or twice", drive.agent, drive.epoch)
            return
        if old is not None:
            self._end(old, report=False)
        self._newest[drive.agent] = drive.epoch
        seat = Seat(
            drive,
            send=self._send,
            make_driver=self._make_driver,
            toolbox=self._toolbox,
            reaper=self._reaper,
            live=self._live,
            fetches=self._fetches,
            on_gone=self._forget,
        )
        self.seats[drive.agent] = seat
        seat.open(after=self._endings_of(drive.agent))

    def _endings_of(self, agent: str) -> list[asyncio.Task[None]]:
        """The stops under way of former seats: two drivers must never be at work in one workspace."""
        return [task for (of, _), task in self._endings.items() if of == agent]

    def _pass_on(self, message: ms.ReleaseCall | ms.TellSeat | ms.ProceedSeat) -> None:
        seat = self._seat(message.agent, message.epoch)
        if seat is None:
            return
        match message:
            case ms.ReleaseCall():
                seat.release(message)
            case ms.TellSeat():
                seat.tell(message.entry)
            case ms.ProceedSeat():
                seat.proceed()

    def _stop_seat(self, message: ms.StopSeat) -> None:
        seat = self.seats.get(message.agent)
        under_way = self._endings.get((message.agent, message.epoch))
        if seat is not None and seat.epoch == message.epoch:
            self._end(seat, report=message.report)
        elif message.report and under_way is not None:
            self._tasks.start(self._confirm(message, under_way), name=f"confirm-{message.agent}.{message.epoch}")
        elif message.report:
            detail = "no such seat on this runner"
            self._send(ms.Stopped(agent=message.agent, epoch=message.epoch, detail=detail))

    def _end(self, seat: Seat, *, report: bool) -> None:
        self._forget(seat)
        key = (seat.agent, seat.epoch)
        task = self._tasks.start(self._stop(seat, report=report), name=f"stop-{seat.agent}.{seat.epoch}")
        self._endings[key] = task
        task.add_done_callback(lambda _: self._endings.pop(key, None))

    async def _stop(self, seat: Seat, *, report: bool) -> None:
        stopped = await seat.stop()
        if report:
            self._send(stopped)

    async def _confirm(self, message: ms.StopSeat, under_way: asyncio.Task[None]) -> None:
        """A stop that is asked for while the seat is already being stopped: answered when it stands still."""
        await asyncio.wait({under_way})
        if not under_way.cancelled() and under_way.exception() is None:
            self._send(ms.Stopped(agent=message.agent, epoch=message.epoch, detail="it was being stopped already"))

    async def _answer(self, ask: ms.Ask) -> None:
        self._send(await self._asks.answer(ask))

    def _seat(self, agent: str, epoch: int) -> Seat | None:
        seat = self.seats.get(agent)
        if seat is None or seat.epoch != epoch or seat.ending:
            log.debug("no seat for %s at epoch %d", agent, epoch)
            return None
        return seat

    def _forget(self, seat: Seat) -> None:
        if self.seats.get(seat.agent) is seat:
            del self.seats[seat.agent]
