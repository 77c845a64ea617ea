"""One runner as the dispatcher sees it: its session, its mailbox, and the connection of the moment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec

from clawgroups.errors import ClawError, LinkError
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms
from clawgroups.link.mailbox import Mailbox
from clawgroups.link.pulse import listen, pump
from clawgroups.link.transport import LinkClosed, Transport
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.link")
ASK_TIMEOUT_S = 25.0


class RunnerLink:
    """Outlives connections; ends when the runner's process is known to be gone, or stayed away too long.

    ``on_lag`` hears why, once, when the runner takes no messages any more: nothing can be told to it for certain.
    """

    def __init__(
        self,
        hello: ms.Hello,
        on_message: Callable[[RunnerLink, ms.AnyMessage], None],
        on_lag: Callable[[RunnerLink, str], None],
    ) -> None:
        self.session = hello.session
        self.name = hello.runner
        self.pid = hello.pid
        self.local = hello.runner == socket.gethostname()  # process ids mean nothing across machines
        self.away_since = time.monotonic()  # of the last connection's end
        self.tools: dict[str, ToolSpec] = {spec.name: spec for spec in hello.tools}
        self.sandbox = hello.sandbox
        self.sandbox_detail = hello.sandbox_detail
        self.seats: dict[str, int] = {}
        self._on_message = on_message
        self._on_lag = on_lag
        self._lags = False
        self._mailbox = Mailbox()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._transport: Transport | None = None
        self._asks: dict[int, asyncio.Future[Any]] = {}
        self._ask_ids = itertools.count(1)

    @property
    def connected(self) -> bool:
        """Whether a connection is up now."""
        return self._transport is not None

    def send(self, message: ms.ToRunner) -> None:
        """Sends for certain: now, or after the next reconnect."""
        if self._lags:
            return  # it is being given up, and everything it should have heard goes to another
        try:
            text = self._mailbox.post(message)
        except LinkError as error:
            self._lags = True
            asyncio.get_running_loop().call_soon(self._on_lag, self, error.sentence)
            return
        if self._transport is not None:
            self._outbox.put_nowait(text)

    async def ask(self, ask: ms.Ask) -> Any:
        """Asks the runner and waits for its answer. Raises ClawError with the runner's own words."""
        ask = msgspec.structs.replace(ask, id=next(self._ask_ids))
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asks[ask.id] = waiting
        try:
            self.send(ask)
            return await asyncio.wait_for(waiting, ASK_TIMEOUT_S)
        except TimeoutError as error:
            raise LinkError("The runner did not answer in time.", hint="Try again in a moment.") from error
        finally:
            self._asks.pop(ask.id, None)

    async def serve(self, transport: Transport, hello: ms.Hello, *, resumed: bool) -> None:
        """Runs one connection to its end; a former one is closed first."""
        former, self._transport = self._transport, transport
        if former is not None:
            await former.close()
        self._outbox = asyncio.Queue()
        welcome = ms.Welcome(version=ms.VERSION, received=self._mailbox.received, resumed=resumed)
        tasks = Tasks()
        try:
            await transport.send(self._mailbox.pass_by(welcome))
            for text in self._mailbox.missed(hello.received):
                await transport.send(text)
            tasks.start(self._pump(transport, self._outbox), name=f"link-send-{self.name}")
            await listen(transport, self._read)
        except LinkClosed:
            log.info("runner disconnected", extra={"action": "runner_disconnected", "runner": self.name})
        finally:
            if self._transport is transport:
                self._transport = None
                self.away_since = time.monotonic()
            await tasks.close()
            await transport.close()

    async def drop(self) -> None:
        """Cuts the connection, if one is up."""
        if self._transport is not None:
            await self._transport.close()

    def fail_asks(self, error: ClawError) -> None:
        """Nobody will answer any more."""
        for waiting in self._asks.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _read(self, text: str) -> None:
        try:
            message = self._mailbox.take(ms.decode(text))
        except (msgspec.DecodeError, LinkError) as error:
            raise LinkClosed(f"The runner sent what cannot be read: {error}") from error
        if message is not None:
            self._hear(message)

    def _hear(self, message: ms.AnyMessage) -> None:
        if isinstance(message, ms.Reply):
            waiting = self._asks.get(message.id)
            if waiting is None or waiting.done():
                return
            if message.error is None:
                waiting.set_result(message.body)
            else:
                waiting.set_exception(_error_of(message.error))
        elif not isinstance(message, ms.Beat):
            try:
                self._on_message(self, message)
            except Exception:  # the message is taken; what follows it must still be heard
                log.exception("a runner's message broke something", extra={"action": "message_broke"})

    async def _pump(self, transport: Transport, outbox: asyncio.Queue[str]) -> None:
        """Sends what is queued, and heartbeats, which also acknowledge."""
        with contextlib.suppress(LinkClosed):  # the listening side sees the same end and reports it
            await pump(transport, outbox, lambda: self._mailbox.pass_by(ms.Beat()))


def _error_of(error: dict[str, Any]) -> ClawError:
    return ClawError(
        str(error.get("sentence", "The runner could not answer.")),
        hint=str(error.get("hint", "")),
        code=str(error.get("code", "")),
    )
