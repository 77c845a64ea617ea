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
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from clawgroups.dispatcher.runner_link import RunnerLink
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
REJOIN_S = 10.0  # a runner that stays away longer has lost its seats

MakeDrive = Callable[[Group, str], Awaitable[ms.DriveSeat | None]]
"""(state as of the commit, agent) -> the whole drive message, or None when it is out of date."""


class Crew:
    """Connected runners and the seats given to them."""

    def __init__(
        self,
        *,
        make_drive: MakeDrive,
        on_message: Callable[[RunnerLink, ms.AnyMessage], None],
        lose_seat: Callable[[str, str], None],
        drive_failed: Callable[[str, int, ClawError], None],
        on_join: Callable[[RunnerLink], None],
        tasks: Tasks,
    ) -> None:
        self.token = new_token()
        self.links: dict[str, RunnerLink] = {}
        self._make_drive = make_drive
        self._on_message = on_message
        self._lose_seat = lose_seat
        self._drive_failed = drive_failed
        self._on_join = on_join
        self._tasks = tasks
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
        resumed = link is not None
        if link is None:
            link = self.links[hello.session] = RunnerLink(hello, self._on_message)
            log.info("runner joined", extra={"action": "runner_joined", "runner": hello.runner})
            self._on_join(link)
        await link.serve(transport, hello, resumed=resumed)
        if not link.connected and self.links.get(hello.session) is link:
            self._tasks.start(self._await_return(link), name=f"await-runner-{link.name}")

    async def _hello(self, transport: Transport) -> ms.Hello:
        try:
            text = await asyncio.wait_for(transport.receive(), HELLO_TIMEOUT_S)
            message = ms.decode(text).message
        except (TimeoutError, msgspec.DecodeError) as error:
            raise LinkError("The first frame must be a hello.", hint="Is this a Claw Groups runner?") from error
        if not isinstance(message, ms.Hello):
            raise LinkError("The first frame must be a hello.")
        if not hmac.compare_digest(message.token, self.token):
            raise LinkError("The token is wrong.", hint="Start the runner with this server's token.")
        if message.version != ms.VERSION:
            raise LinkError(
                f"The runner speaks version {message.version} of the link, this server {ms.VERSION}.",
                hint="Install the same version of Claw Groups on both.",
            )
        return message

    async def _await_return(self, link: RunnerLink) -> None:
        await asyncio.sleep(REJOIN_S)
        if not link.connected:
            self.lose(link, "the runner stayed away")

    def lose(self, link: RunnerLink, reason: str) -> None:
        """The runner is known to be gone: all its seats are lost."""
        if self.links.pop(link.session, None) is None:
            return
        log.warning("runner lost: %s", reason, extra={"action": "runner_lost", "runner": link.name})
        link.fail_asks(LinkError("The runner is gone.", hint="Another one is being started; try again."))
        for agent in list(link.seats):
            self._lose_seat(agent, reason)
        link.seats.clear()

    def lose_process(self, pid: int, reason: str) -> None:
        """The process with this id has ended, proved by its exit."""
        for link in list(self.links.values()):
            if link.pid == pid:
                self.lose(link, reason)

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
        if self.any_link() is None:
            return  # the next runner that joins gets every seat that nobody holds
        try:
            message = await self._make_drive(group, agent)
        except ClawError as error:
            log.error("a drive could not be made: %s", error, extra={"action": "drive_failed", "agent": agent})
            self._drive_failed(agent, group.agents[agent].epoch, error)
            return
        link = self.link_of(agent) or self.any_link()
        if message is not None and link is not None:
            link.seats[agent] = message.epoch
            link.send(message)

    def _send(self, effect: fx.Effect, epoch: int) -> None:
        agent = effect.agent
        link = self.link_of(agent)
        if link is None:
            if isinstance(effect, fx.Stop) and effect.report:
                self._lose_seat(agent, "no runner held it")
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
