"""The runner's end of the link against a small dispatcher that misbehaves, and a real runner process that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runner_rooms import AGENT, OTHER, alive_with, person, program, until
from websockets.asyncio.server import Server, ServerConnection, serve

from clawgroups.group.thread import Entry
from clawgroups.link import messages as ms
from clawgroups.link.websocket import ClientTransport
from clawgroups.runner.client import Alone, LinkClient, Turned

TOKEN = "token-for-tests-77"


class FakeDispatcher:
    """A websocket server that plays the dispatcher's side, as well or as badly as a test wants."""

    def __init__(self) -> None:
        self.hellos: list[ms.Hello] = []
        self.heard: list[ms.Frame] = []
        self.received = 0
        self.sent = 0
        self.resumed: list[bool] = []
        self.answer: ms.AnyMessage | None = None
        self.connection: ServerConnection | None = None
        self.server: Server | None = None

    async def start(self, port: int = 0) -> None:
        self.server = await serve(self._serve, "127.0.0.1", port, max_size=None)

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"ws://127.0.0.1:{next(iter(self.server.sockets)).getsockname()[1]}/link"

    async def _serve(self, connection: ServerConnection) -> None:
        hello = ms.decode(str(await connection.recv())).message
        assert isinstance(hello, ms.Hello)
        self.hellos.append(hello)
        resumed = self.resumed.pop(0) if self.resumed else True
        answer = self.answer or ms.Welcome(version=ms.VERSION, received=self.received, resumed=resumed)
        await connection.send(ms.encode(ms.Frame(0, 0, answer)))
        self.connection = connection
        async for text in connection:
            frame = ms.decode(str(text))
            self.heard.append(frame)
            self.received = max(self.received, frame.number)

    async def say(self, message: ms.AnyMessage, *, number: int | None = None) -> None:
        self.sent += 1
        await until(lambda: self.connection is not None)
        assert self.connection is not None
        await self.connection.send(
            ms.encode(ms.Frame(number if number is not None else self.sent, self.received, message))
        )

    async def cut(self) -> None:
        await until(lambda: self.connection is not None)
        assert self.connection is not None
        connection, self.connection = self.connection, None
        await connection.close()

    def reliable(self) -> list[int]:
        return [frame.number for frame in self.heard if frame.number]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()


@pytest.fixture
async def fake() -> AsyncIterator[FakeDispatcher]:
    made = FakeDispatcher()
    await made.start()
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def joined(
    fake: FakeDispatcher, give_up_s: float = 5.0
) -> AsyncIterator[tuple[LinkClient, list[ms.AnyMessage], asyncio.Task[None]]]:
    url, heard = fake.url, []
    hello = ms.Hello(version=ms.VERSION, token=TOKEN, runner="r", session="", received=0)
    client = LinkClient(lambda: ClientTransport.dial(url), hello, give_up_s=give_up_s)

    async def forget() -> None:
        heard.append("forgotten")

    client.attach(heard.append, forget)
    running = asyncio.ensure_future(client.run())
    try:
        yield client, heard, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def result(number: int) -> ms.ResultDone:
    return ms.ResultDone(agent=AGENT, epoch=1, call=str(number), ok=True, content="")


async def test_what_was_said_while_the_line_was_down_arrives_once_and_in_order(fake: FakeDispatcher) -> None:
    async with joined(fake) as (client, _, _):
        client.send(result(0))
        await until(lambda: fake.reliable() == [1])
        for number in range(3):
            await fake.cut()
            client.send(result(2 * number))
            client.send(result(2 * number + 1))
            await until(lambda: fake.received == 3 + 2 * number)  # noqa: B023
        assert sorted(set(fake.reliable())) == list(range(1, 8))
        assert len({hello.session for hello in fake.hellos}) == 1
        assert {hello.token for hello in fake.hellos} == {TOKEN}


async def test_a_frame_that_comes_twice_is_heard_once_and_a_gap_makes_it_ask_again(fake: FakeDispatcher) -> None:
    stop = ms.StopSeat(agent=AGENT, epoch=1)
    async with joined(fake) as (_, heard, _):
        await fake.say(stop)
        await fake.say(stop, number=1)
        await fake.say(stop, number=2)
        await until(lambda: len(heard) == 2)
        await fake.say(stop, number=9)
        await until(lambda: len(fake.hellos) == 2)
        assert fake.hellos[1].received == 2
        assert heard == [stop, stop]


async def test_nonsense_from_the_dispatcher_makes_it_join_again(fake: FakeDispatcher) -> None:
    async with joined(fake) as (_, _, running):
        await until(lambda: fake.connection is not None)
        assert fake.connection is not None
        await fake.connection.send("{nonsense")
        await until(lambda: len(fake.hellos) == 2)
        assert not running.done()


async def test_a_rejected_runner_does_not_try_again(fake: FakeDispatcher) -> None:
    fake.answer = ms.Rejected(code="token", sentence="The token is wrong.", hint="Read it again.")
    async with joined(fake) as (_, _, running):
        with pytest.raises(Turned, match="The token is wrong"):
            await asyncio.wait_for(running, 5)
        assert len(fake.hellos) == 1


async def test_a_runner_that_is_left_alone_gives_up(fake: FakeDispatcher) -> None:
    async with joined(fake, give_up_s=0.5) as (_, _, running):
        await until(lambda: bool(fake.hellos))
        await fake.close()
        with pytest.raises(Alone, match=r"No dispatcher for 0\.5 s"):
            await asyncio.wait_for(running, 5)


async def test_a_dispatcher_that_does_not_know_the_session_any_more_makes_it_drop_everything(
    fake: FakeDispatcher,
) -> None:
    fake.resumed = [False, False]
    async with joined(fake) as (_, heard, running):
        await until(lambda: bool(fake.hellos))
        await fake.cut()
        with pytest.raises(Alone):
            await asyncio.wait_for(running, 5)
        assert heard == ["forgotten"]


@contextlib.asynccontextmanager
async def runner_process(fake: FakeDispatcher) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "CLAWGROUPS_LINK_TOKEN": TOKEN, "X_API_KEY": "sekret"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clawgroups.runner", "--url", fake.url, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: fake.connection is not None, within_s=20)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def drive(tmp_path: Path, agent: str, **fields: object) -> ms.DriveSeat:
    group = tmp_path / "home" / "work" / "g"
    place = ms.WorkPlace(root=str(group / "agents" / agent), snapshots=str(group / "snapshots.git"))
    task = Entry(role="user", content="x", kind="task")
    return ms.DriveSeat(
        agent=agent, epoch=1, name="a", role="", task="x", thread=(task,), tools=(), place=place, step=0, **fields
    )


async def start_seats(fake: FakeDispatcher, tmp_path: Path, sleep: str) -> None:
    daemon = f"trap '' TERM; env -i setsid -f sleep {sleep}; setsid -f sleep {sleep}; sleep {sleep}"
    await fake.say(drive(tmp_path, AGENT, member=program("sh", "-c", daemon), proceed=True))
    await fake.say(drive(tmp_path, OTHER, member=person(), proceed=False))
    arguments = json.dumps({"command": f"env -i setsid -f sleep {sleep}; sleep {sleep}"})
    await fake.say(ms.ReleaseCall(agent=OTHER, epoch=1, call="c", name="run_command", arguments=arguments))
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 5)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_runner_leaves_no_process_of_any_seat_behind(
    fake: FakeDispatcher, tmp_path: Path, number: signal.Signals
) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    async with runner_process(fake) as process:
        await start_seats(fake, tmp_path, sleep)
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == (-9 if number is signal.SIGKILL else 0)
        await until(lambda: alive_with(sleep) == [], within_s=2)


async def test_a_real_runner_stops_a_seat_over_the_wire_and_hides_its_token(
    fake: FakeDispatcher, tmp_path: Path
) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    async with runner_process(fake) as process:
        assert TOKEN.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert fake.hellos[0].pid == process.pid
        assert {spec.name for spec in fake.hellos[0].tools} >= {"run_command", "measure_file"}
        await start_seats(fake, tmp_path, sleep)
        for agent in (AGENT, OTHER):
            await fake.say(ms.StopSeat(agent=agent, epoch=1))
        stops = lambda: [frame.message for frame in fake.heard if isinstance(frame.message, ms.Stopped)]  # noqa: E731
        await until(lambda: len(stops()) == 2)
        assert alive_with(sleep) == []
        assert {stop.processes_left for stop in stops()} == {0}


async def test_a_runner_with_a_wrong_token_ends_with_status_three(fake: FakeDispatcher) -> None:
    fake.answer = ms.Rejected(code="token", sentence="The token is wrong.")
    async with runner_process(fake) as process:
        assert await asyncio.wait_for(process.wait(), 10) == 3
