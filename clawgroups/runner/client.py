"""The runner's end of the link: connects, says hello, reconnects, and gives up for good when it must."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from clawgroups.errors import LinkError
from clawgroups.ids import new_id
from clawgroups.link import messages as ms
from clawgroups.link.mailbox import Mailbox
from clawgroups.link.pulse import listen, pump
from clawgroups.link.transport import LinkClosed, Transport
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.client")
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
GIVE_UP_S = 15.0
WELCOME_S = 10.0


class Turned(LinkError):
    """The dispatcher turned this runner away; trying again with the same cannot help."""

    code = "runner_rejected"


class Alone(LinkError):
    """The dispatcher stayed away; a runner must not go on acting without one."""

    code = "dispatcher_gone"


class LinkClient:
    """One session: as long as this process lives."""

    def __init__(
        self,
        dial: Callable[[], Awaitable[Transport]],
        hello: ms.Hello,
        *,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._dial = dial
        self._hello = msgspec.structs.replace(hello, session=new_id(16))
        self._hear: Callable[[ms.AnyMessage], None] = lambda message: None
        self._forget_all: Callable[[], Awaitable[None]] | None = None
        self._give_up_s = give_up_s
        self._mailbox = Mailbox()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._transport: Transport | None = None
        self._joined = False

    def attach(self, hear: Callable[[ms.AnyMessage], None], forget_all: Callable[[], Awaitable[None]]) -> None:
        """Names who hears the dispatcher, and what stops everything when it forgot this runner."""
        self._hear = hear
        self._forget_all = forget_all

    def send(self, message: ms.FromRunner) -> None:
        """Sends for certain: now, or after the next reconnect."""
        text = self._mailbox.post(message)
        if self._transport is not None:
            self._outbox.put_nowait(text)

    def show(self, message: ms.Deltas) -> None:
        """Sends if the line is free; live text is not worth queueing."""
        if self._transport is not None and self._outbox.qsize() < 50:
            self._outbox.put_nowait(self._mailbox.pass_by(message))

    async def run(self) -> None:
        """Serves until turned away (Turned) or left alone (Alone)."""
        failures, last_seen = 0, time.monotonic()
        while True:
            try:
                transport = await self._dial()
                await self._join(transport)
                failures = 0
                await self._serve(transport)
            except LinkClosed as error:
                log.info("the link is down: %s", error, extra={"action": "link_down"})
            if failures == 0:
                last_seen = time.monotonic()
            self._transport = None
            if time.monotonic() - last_seen > self._give_up_s:
                raise Alone(f"No dispatcher for {self._give_up_s:g} s.")
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    async def _join(self, transport: Transport) -> None:
        hello = msgspec.structs.replace(self._hello, received=self._mailbox.received, again=self._joined)
        await transport.send(self._mailbox.pass_by(hello))
        try:
            message = self._read(await asyncio.wait_for(transport.receive(), WELCOME_S)).message
        except TimeoutError as error:
            raise LinkClosed("The dispatcher did not answer the hello.") from error
        if isinstance(message, ms.Rejected):
            raise Turned(message.sentence, hint=message.hint)
        if not isinstance(message, ms.Welcome):
            raise LinkClosed("The first answer was not a welcome.")
        if not message.resumed and self._joined:
            # The server was started again and knows nothing of this session: what it has resumed elsewhere
            # must not go on here.
            if self._forget_all is not None:
                await self._forget_all()
            raise Alone("The dispatcher does not know this runner any more.")
        self._joined = True
        self._outbox = asyncio.Queue()
        for text in self._mailbox.missed(message.received):
            self._outbox.put_nowait(text)
        self._transport = transport

    async def _serve(self, transport: Transport) -> None:
        tasks = Tasks(lambda name, error: log.debug("%s ended: %s", name, error))  # told by ``run``
        beat = partial(self._mailbox.pass_by, ms.Beat())
        sending = tasks.start(pump(transport, self._outbox, beat), name="link-send")
        listening = tasks.start(listen(transport, self._take), name="link-receive")
        try:
            done, _ = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._transport = None
            await tasks.close()
            await transport.close()

    def _take(self, text: str) -> None:
        try:
            message = self._mailbox.take(self._read(text))
        except LinkClosed:
            raise
        except LinkError as error:
            raise LinkClosed(error.sentence) from error
        if message is not None and not isinstance(message, ms.Beat):
            self._hear(message)

    def _read(self, text: str) -> ms.Frame:
        try:
            return ms.decode(text)
        except msgspec.DecodeError as error:
            raise LinkClosed(f"The dispatcher sent what cannot be read: {error}") from error
