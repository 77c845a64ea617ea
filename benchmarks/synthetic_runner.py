"""A runner that answers at once, over the real link's messages: it measures the dispatcher, not a driver."""

from __future__ import annotations

import asyncio
import time

from clawgroups.group.thread import ToolCall, Turn, Usage
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms
from clawgroups.link.mailbox import Mailbox
from clawgroups.link.transport import LinkClosed, Transport

TOOL = ToolSpec(name="note", description="Takes a note.", parameters={"type": "object"}, safe=True)


class SyntheticRunner:
    """Takes ``steps`` turns for each of ``agents`` sub-agents: a turn of ``words`` with one tool call each.

    Nobody takes a turn before ``begin``. ``waits`` holds, for every step, the ms from its report to the leave to go
    on, which is given after both its commits: the turn's and the result's.
    """

    def __init__(self, transport: Transport, token: str, *, agents: int, steps: int, words: str) -> None:
        self._transport = transport
        self._token = token
        self._agents = agents
        self._steps = steps
        self._words = words
        self._mailbox = Mailbox()
        self._epochs: dict[str, int] = {}
        self._at: dict[str, int] = {}
        self._sent: dict[str, float] = {}
        self._outbox: list[str] = []
        self._ended = 0
        self.seated = asyncio.Event()
        self.done = asyncio.Event()
        self.waits: list[float] = []

    async def run(self) -> None:
        """Serves until the link ends."""
        hello = ms.Hello(
            version=ms.VERSION, token=self._token, runner="synthetic", session="synthetic", received=0, tools=(TOOL,)
        )
        await self._transport.send(self._mailbox.pass_by(hello))
        try:
            while True:
                message = self._mailbox.take(ms.decode(await self._transport.receive()))
                if message is not None:
                    self._hear(message)
                    await self._send()
        except LinkClosed:
            return

    async def begin(self) -> None:
        """Lets all sub-agents take their first turn."""
        for agent in self._epochs:
            self._turn(agent)
        await self._send()

    async def _send(self) -> None:
        outbox, self._outbox = self._outbox, []
        for text in outbox:
            await self._transport.send(text)

    def _hear(self, message: ms.AnyMessage) -> None:
        match message:
            case ms.DriveSeat():
                self._at[message.agent] = message.step
                self._epochs[message.agent] = message.epoch
                if len(self._epochs) == self._agents:
                    self.seated.set()
            case ms.ProceedSeat():
                self.waits.append((time.perf_counter() - self._sent[message.agent]) * 1000)
                self._turn(message.agent)
            case ms.ReleaseCall():
                result = ms.ResultDone(
                    agent=message.agent, epoch=message.epoch, call=message.call, ok=True, content="noted"
                )
                self._outbox.append(self._mailbox.post(result))
            case _:
                return

    def _turn(self, agent: str) -> None:
        step = self._at[agent] + 1
        if step > self._steps:
            self._ended += 1
            if self._ended == self._agents:
                self.done.set()
            return
        self._at[agent] = step
        self._sent[agent] = time.perf_counter()
        call = ToolCall(id=f"n{step}", name=TOOL.name, arguments='{"text": "so far so good"}')
        turn = Turn(content=self._words, calls=(call,), usage=Usage(tokens_in=900, tokens_out=300), finish="tool_calls")
        self._outbox.append(
            self._mailbox.post(ms.StepDone(agent=agent, epoch=self._epochs[agent], step=step, turn=turn))
        )
