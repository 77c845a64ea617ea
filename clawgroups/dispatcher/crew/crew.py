"""The crew: all runners, who sits where, and how effects reach them in order.

Effects of one sub-agent go out in the order of their commits, even when one of them (a drive) has to read a
transcript first. A seat that no runner holds any more is reported lost at once, so nothing ever waits for a
proof that cannot come.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from clawgroups.dispatcher.crew.runner_link import RunnerLink
from clawgroups.errors import ClawError, LinkError
from clawgroups.group import effects as fx
from clawgroups.group.draft import Decision
from clawgroups.group.state import Group
from clawgroups.ids import new_token
from clawgroups.link import messages as ms
from clawgroups.link.transport import LinkClosed, Transport
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.crew")
HELLO_TIMEOUT_S = 10.0
REJOIN_S = 15.0  # a runner that stays away longer has lost its seats; by then it has stopped them itself

MakeDrive = Callable[[Group, str], Awaitable[ms.DriveSeat | None]]
"""(state as of the commit, agent) -> the whole drive message, or None when it is out of date."""


class Crew:
    """Connected runners and the seats given to them."""

    def __init__(
        self,
        *,
        make_drive: MakeDrive,
        on_message: Callable[[RunnerLink, ms.AnyMessage], None],
        lose_seat: Callable[[str, int, str], asyncio.Future[Decision]],
        drive_failed: Callable[[str, int, ClawError], None],
        on_join: Callable[[RunnerLink], None],
        on_lost: Callable[[RunnerLink], None],
        tasks: Tasks,
        token: str = "",
    ) -> None:
        self.token = token or new_token()
        self.links: dict[str, RunnerLink] = {}
        self.closing = False  # the server ends: runners go, and that is no loss to tell of
        self._make_drive = make_drive
        self._on_message = on_message
        self._lose_seat = lose_seat
        self._drive_failed = drive_failed
        self._on_join = on_join
        self._on_lost = on_lost
        self._tasks = tasks
        self._losing: dict[str, tuple[int, asyncio.Future[Decision]]] = {}
        self._losses: dict[str, int] = {}
        self._standing_still = False
        self._pending: dict[str, deque[tuple[fx.Effect, Group]]] = {}

    # --- connections ---------------------------------------------------------------------------------

    async def serve(self, transport: Transport) -> None:
        """One connection from its hello to its end."""
        try:
            hello = await self._hello(transport)
        except LinkError as error:
            log.warning("a runner was turned away: %s", error, extra={"action": "runner_rejected"})
            with contextlib.suppress(LinkClosed):  # it may be gone already
                rejected = ms.Rejected(code=error.code, sentence=error.sentence, hint=error.hint)
                await transport.send(ms.encode(ms.Frame(0, 0, rejected)))
            await transport.close()
            return
        link = self.links.get(hello.session)
        if link is None and hello.again:
            await self._send_away(transport)
            return
        resumed = link is not None
        if link is None:
            link = self.links[hello.session] = RunnerLink(hello, self._on_message, self.expel)
            log.info("runner joined", extra={"action": "runner_joined", "runner": hello.runner})
        try:
            asyncio.get_running_loop().call_soon(self._on_join, link)  # once it is connected, which it is at once
            await link.serve(transport, hello, resumed=resumed)
        finally:
            if not link.connected and self.links.get(hello.session) is link:
                self._tasks.start(self._await_return(link), name=f"await-runner-{link.name}")

    async def _send_away(self, transport: Transport) -> None:
        """A runner of a session that was given up: it must drop every seat and start anew."""
        with contextlib.suppress(LinkClosed):  # it may be gone already
            welcome = ms.Welcome(version=ms.VERSION, received=0, resumed=False)
            await transport.send(ms.encode(ms.Frame(0, 0, welcome)))
        await transport.close()

    async def _hello(self, transport: Transport) -> ms.Hello:
        try:
            text = await asyncio.wait_for(transport.receive(), HELLO_TIMEOUT_S)
            message = ms.decode(text).message
        except (TimeoutError, msgspec.DecodeError) as error:
            raise LinkError("The first frame must be a hello.", hint="Is this a Claw Groups runner?") from error
        if not isinstance(message, ms.Hello):
            raise LinkError("The first frame must be a hello.")
        if not hmac.compare_digest(message.token.encode(), self.token.encode()):
            raise LinkError("The token is wrong.", hint="Start the runner with this server's token.", code="token")
        if message.version != ms.VERSION:
            raise LinkError(
                f"The runner speaks version {message.version} of the link, this server {ms.VERSION}.",
                hint="Install the same version of Claw Groups on both.",
                code="version",
            )
        return message

    async def _await_return(self, link: RunnerLink) -> None:
        """Every end of a connection starts one of these; the one of the last end decides."""
        await asyncio.sleep(REJOIN_S)
        if not link.connected and time.monotonic() - link.away_since >= REJOIN_S - 0.1:
            self.lose(link, "the runner stayed away")

    def lose(self, link: RunnerLink, reason: str) -> None:
        """The runner is known to be gone: all its seats are lost."""
        if self.links.get(link.session) is not link:
            return
        del self.links[link.session]
        level = logging.DEBUG if self.closing else logging.WARNING
        log.log(level, "runner lost: %s", reason, extra={"action": "runner_lost", "runner": link.name})
        link.fail_asks(LinkError("The runner is gone.", hint="Another one is being started; try again."))
        for agent, epoch in link.seats.items():
            self.lose_seat(agent, epoch, reason)
        link.seats.clear()
        self._tasks.start(link.drop(), name=f"drop-{link.name}")
        self._on_lost(link)

    def expel(self, link: RunnerLink, reason: str) -> None:
        """The runner does not do what it must. It is cut off; should it come back, it has to drop every seat."""
        self.lose(link, reason)

    def lose_seat(self, agent: str, epoch: int, reason: str) -> None:
        """The seat of ``epoch`` is on no runner any more. Until that is recorded nobody else may be given it."""
        self._losses[agent] = self._losses.get(agent, 0) + 1
        self._losing[agent] = epoch, self._lose_seat(agent, epoch, reason)

    def lose_process(self, pid: int, reason: str) -> None:
        """The process with this id on this machine has ended, proved by its exit."""
        for link in list(self.links.values()):
            if link.local and link.pid == pid:
                self.lose(link, reason)

    def stand_still(self) -> None:
        """Stops every seat for good: nothing that is done from now on could be recorded."""
        self._standing_still = True
        for link in self.links.values():
            for agent, epoch in link.seats.items():
                link.send(ms.StopSeat(agent=agent, epoch=epoch, report=False))
            link.seats.clear()

    def link_of(self, agent: str) -> RunnerLink | None:
        """The runner on which the sub-agent has a seat."""
        return next((link for link in self.links.values() if agent in link.seats), None)

    def any_link(self) -> RunnerLink | None:
        """The connected runner with the fewest seats."""
        up = [link for link in self.links.values() if link.connected]
        return min(up, key=lambda link: len(link.seats), default=None)

    # --- effects -------------------------------------------------------------------------------------

    def carry_out(self, decision: Decision) -> None:
        """Sends a committed decision's effects, each sub-agent's in order. Never blocks."""
        for effect in decision.effects:
            self._line_up(effect, decision.group)

    def drive_again(self, group: Group, agent: str) -> None:
        """Gives a seat to a sub-agent that has none on any runner."""
        self._line_up(fx.Drive(agent), group)

    def is_unseated(self, agent: str) -> bool:
        """Whether no runner holds it, no runner is about to, and one could."""
        free = self.link_of(agent) is None and agent not in self._pending and not self._standing_still
        return free and self.any_link() is not None

    def _line_up(self, effect: fx.Effect, group: Group) -> None:
        line = self._pending.get(effect.agent)
        if line is not None:
            line.append((effect, group))
        elif isinstance(effect, fx.Drive):
            self._pending[effect.agent] = deque([(effect, group)])
            self._tasks.start(self._work_off(effect.agent), name=f"drive-{effect.agent}")
        else:
            self._send(effect, group.agents[effect.agent].epoch)

    async def _work_off(self, agent: str) -> None:
        line = self._pending[agent]
        try:
            while line:
                effect, group = line.popleft()
                if isinstance(effect, fx.Drive):
                    await self._drive(group, agent)
                else:
                    self._send(effect, group.agents[agent].epoch)
        finally:
            del self._pending[agent]

    async def _drive(self, group: Group, agent: str) -> None:
        losses, epoch = self._losses.get(agent, 0), group.agents[agent].epoch
        if self.any_link() is None or self._is_lost(agent, epoch):
            return  # whoever joins next gets every seat that nobody holds; the record of the loss leads to a new drive
        try:
            message = await self._make_drive(group, agent)
        except Exception as error:  # whatever it was, somebody must hear that the sub-agent cannot go on
            log.exception("a drive could not be made", extra={"action": "drive_failed", "agent": agent})
            known = error if isinstance(error, ClawError) else ClawError(f"Its seat could not be prepared: {error}")
            self._drive_failed(agent, epoch, known)
            return
        link = self.link_of(agent) or self.any_link()
        lost_meanwhile = self._losses.get(agent, 0) != losses and epoch <= self._losing[agent][0]
        if message is not None and link is not None and not lost_meanwhile and not self._standing_still:
            link.seats[agent] = message.epoch
            link.send(message)

    def _is_lost(self, agent: str, epoch: int) -> bool:
        """Whether this very seat was lost and that is not on record yet: its calls must not be run again now."""
        if self._standing_still:
            return True
        lost, recorded = self._losing.get(agent, (0, None))
        return recorded is not None and not recorded.done() and epoch <= lost

    def _send(self, effect: fx.Effect, epoch: int) -> None:
        agent = effect.agent
        link = self.link_of(agent)
        if link is None:
            if isinstance(effect, fx.Stop) and effect.report:
                self.lose_seat(agent, effect.epoch, "no runner held it")
            return
        match effect:
            case fx.Stop():
                link.send(ms.StopSeat(agent=agent, epoch=effect.epoch, report=effect.report))
                if not effect.report:
                    link.seats.pop(agent, None)
            case fx.Release():
                release = ms.ReleaseCall(
                    agent=agent, epoch=epoch, call=effect.call, name="", arguments=effect.arguments
                )
                link.send(release)
            case fx.Tell():
                link.send(ms.TellSeat(agent=agent, epoch=epoch, entry=effect.entry))
            case fx.Proceed():
                link.send(ms.ProceedSeat(agent=agent, epoch=epoch))
            case _:
                log.error("an effect that nobody carries out: %r", effect)
