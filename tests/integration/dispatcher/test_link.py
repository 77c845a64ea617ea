"""Runners and connections: who may join, what survives a dropped connection, what follows from a loss."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dispatcher_rig import Rig, RigRunner, model, until
from dispatcher_world import GROUP, MEMBERS, World
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clawgroups.dispatcher.crew import crew
from clawgroups.group import commands as cmd
from clawgroups.group.state import AgentStatus
from clawgroups.link import mailbox
from clawgroups.link import messages as ms
from clawgroups.link.transport import LinkClosed, MemoryTransport, pair
from clawgroups.testing.model_reply import Call, Reply, Text, says
from clawgroups.testing.model_server import ModelServer

FOREVER = Text("still at work on this ", 100.0, forever=True)


def hello(rig: Rig, **changes: Any) -> ms.Hello:
    made = ms.Hello(version=ms.VERSION, token=rig.dispatcher.crew.token, runner="far", session="s1", received=0)
    return msgspec.structs.replace(made, **changes)


async def knock(rig: Rig, text: str) -> tuple[ms.AnyMessage, MemoryTransport, asyncio.Task[None]]:
    """Sends a first frame; the answer, the connection, and the dispatcher's task that serves it."""
    here, there = pair()
    serving = asyncio.ensure_future(rig.dispatcher.crew.serve(there))
    await here.send(text)
    async with asyncio.timeout(5.0):
        answer = ms.decode(await here.receive()).message
    return answer, here, serving


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("wrong token", "token", "The token is wrong"),
        ("wrong token é", "token", "The token is wrong"),
        ("wrong version", "version", f"speaks version 99 of the link, this server {ms.VERSION}"),
        ("no hello", "link", "must be a hello"),
        ("no json", "link", "must be a hello"),
    ],
)
async def test_who_may_not_join_is_told_why_and_gets_no_seat(rig: Rig, text: str, code: str, words: str) -> None:
    frames = {
        "wrong token": ms.encode(ms.Frame(0, 0, hello(rig, token="guess"))),
        "wrong token é": ms.encode(ms.Frame(0, 0, hello(rig, token="é"))),
        "wrong version": ms.encode(ms.Frame(0, 0, hello(rig, version=99))),
        "no hello": ms.encode(ms.Frame(0, 0, ms.Beat())),
        "no json": "GET / HTTP/1.1",
    }
    answer, here, serving = await knock(rig, frames[text])
    assert isinstance(answer, ms.Rejected)
    assert answer.code == code
    assert words in answer.sentence
    await asyncio.wait_for(serving, 5.0)
    with pytest.raises(LinkClosed):
        await here.receive()
    assert rig.dispatcher.crew.links == {}


async def test_a_runner_that_was_given_up_must_drop_every_seat(rig: Rig) -> None:
    answer, _, serving = await knock(rig, ms.encode(ms.Frame(0, 0, hello(rig, again=True, received=7))))
    assert isinstance(answer, ms.Welcome)
    assert not answer.resumed
    await asyncio.wait_for(serving, 5.0)
    assert rig.dispatcher.crew.links == {}


async def test_a_second_connection_of_a_session_takes_the_place_of_the_first(rig: Rig) -> None:
    text = ms.encode(ms.Frame(0, 0, hello(rig)))
    _, first, first_serving = await knock(rig, text)
    answer, second, second_serving = await knock(rig, text)
    assert isinstance(answer, ms.Welcome)
    assert answer.resumed
    await asyncio.wait_for(first_serving, 5.0)
    with pytest.raises(LinkClosed):
        await first.receive()
    link = rig.dispatcher.crew.links["s1"]
    assert link.connected
    await second.close()
    await asyncio.wait_for(second_serving, 5.0)
    assert not link.connected


async def test_a_frame_that_cannot_be_read_ends_the_connection_and_not_the_session(rig: Rig) -> None:
    _, here, serving = await knock(rig, ms.encode(ms.Frame(0, 0, hello(rig))))
    await here.send("no frame")
    await asyncio.wait_for(serving, 5.0)
    assert "s1" in rig.dispatcher.crew.links


async def test_a_gap_ends_the_connection_before_anything_is_believed(rig: Rig) -> None:
    _, here, serving = await knock(rig, ms.encode(ms.Frame(0, 0, hello(rig))))
    await here.send(ms.encode(ms.Frame(5, 0, ms.Stopped(agent="x-1", epoch=1))))
    await asyncio.wait_for(serving, 5.0)
    assert not rig.dispatcher.crew.links["s1"].connected


async def test_a_runner_that_stays_away_loses_its_seats_to_another(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "REJOIN_S", 0.4)
    async with ModelServer(lambda body: says(FOREVER)) as server:
        first = await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        await rig.join()
        assert rig.dispatcher.crew.links[first.link._hello.session].seats
        await first.tasks.close()  # it is cut off, and drives on
        await until(lambda: rig.agent().epoch == 2)
        await server.until(lambda: server.count == 2)
        assert rig.agent().status is AgentStatus.DRIVING
    assert "seat_lost" in await rig.kinds()


async def test_a_stop_that_a_far_runner_never_proves_does_not_hang_a_take_over(rig: Rig) -> None:
    """The hung runner gets no word through; after the time-out it is cut off, and must start anew should it return."""
    async with ModelServer(lambda body: says(FOREVER)) as server:
        runner = await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        runner.house.hear = lambda message: None  # type: ignore[method-assign]
        runner.link.attach(lambda message: None, runner.house.close)
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        assert rig.agent().status is AgentStatus.HANDING_OVER
        driving = await rig.reaches(AgentStatus.DRIVING, within_s=5.0)
        assert driving.driven_by_person
        await until(lambda: runner.running is not None and runner.running.done())  # it dropped everything and ended
        assert runner.house.seats == {}
        await server.until(lambda: server.aborts == 1)
        await rig.join()
        await rig.turn("by hand", result=True)
        await rig.reaches(AgentStatus.DONE)


async def test_our_own_runner_is_killed_when_it_does_not_prove_a_stop(rig: Rig) -> None:
    killed: list[int] = []

    def kill(pid: int) -> bool:
        killed.append(pid)
        rig.dispatcher.crew.lose_process(pid, "the runner ended with status -9")
        return True

    rig.dispatcher.kill_runner = kill
    async with ModelServer(lambda body: says(FOREVER)) as server:
        own = RigRunner(rig.dispatcher, name=socket.gethostname())
        own.link._hello = msgspec.structs.replace(own.link._hello, pid=os.getpid())
        rig.runners.append(own)
        own.start()
        await until(lambda: rig.dispatcher.crew.links)
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        own.link.attach(lambda message: None, own.house.close)
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        await rig.reaches(AgentStatus.DRIVING, within_s=5.0)
        assert killed[0] == os.getpid()
    proof = await rig.ledger.reader.stop_proof("rig2group-1")
    assert proof is not None
    assert "status -9" in proof["proof"]["detail"]


async def test_the_end_of_a_process_here_takes_no_seats_from_a_runner_elsewhere(rig: Rig) -> None:
    async with ModelServer(lambda body: says(FOREVER)) as server:
        await rig.join()
        link = next(iter(rig.dispatcher.crew.links.values()))
        link.pid = 4711
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        rig.dispatcher.crew.lose_process(4711, "ended")
        assert link.seats
        assert rig.agent().epoch == 1


async def test_a_call_that_was_lost_with_its_runner_is_not_run_twice(rig: Rig) -> None:
    """Another runner is up already when the loss is noticed, and must not be given the seat before it is recorded."""

    def script(body: dict[str, Any]) -> Reply:
        if any(m["role"] == "tool" for m in body["messages"]):
            return says(Text("done"))
        return says(Call("run_command", {"command": "echo x >> ran.txt; sleep 20"}, id="c1"))

    async with ModelServer(script) as server:
        first = await rig.join()
        await rig.found(model("slow", server.base_url), policies={"run_command": "allow"})
        root = rig.settings.work / "rig2group" / "workspace"
        await until((root / "ran.txt").exists)
        second = await rig.join()
        link = rig.dispatcher.crew.links[first.link._hello.session]
        rig.dispatcher.crew.lose(link, "the runner ended with status -9")
        rig.dispatcher._runner_joined(rig.dispatcher.crew.links[second.link._hello.session])
        asked = await rig.request("unknown_fate")
        assert (root / "ran.txt").read_text() == "x\n"
        await rig.answer(asked["id"], "leave")
        await rig.reaches(AgentStatus.DONE)
    assert (root / "ran.txt").read_text() == "x\n"


async def test_a_runner_that_takes_no_messages_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    _, here, serving = await knock(rig, ms.encode(ms.Frame(0, 0, hello(rig))))
    link = rig.dispatcher.crew.links["s1"]
    link.seats["x-1"] = 1
    monkeypatch.setattr(mailbox, "MAX_KEPT_BYTES", 2_000)
    for _ in range(100):
        link.send(ms.StopSeat(agent="x-1", epoch=1))
    await asyncio.wait_for(serving, 5.0)
    assert rig.dispatcher.crew.links == {}
    await here.close()


async def test_a_seat_given_while_the_connection_was_down_is_driven_when_it_is_back(rig: Rig) -> None:
    async with ModelServer(lambda body: says(FOREVER)) as server:
        runner = await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        await rig.reaches(AgentStatus.DRIVING)
        runner.may_dial.clear()
        await runner.drop()
        await until(lambda: rig.dispatcher.crew.any_link() is None)
        await rig.hand_back("go on")
        assert server.count == 1
        runner.may_dial.set()
        await server.until(lambda: server.count == 2)
    assert rig.agent().epoch == 3


drops = st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=14)


@settings(
    max_examples=25, deadline=None, database=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(drops=drops, seed=st.integers(0, 2**32))
def test_however_often_the_connection_drops_no_step_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, drops: list[tuple[int, bool]], seed: int
) -> None:
    asyncio.run(live_through_drops(tmp_path_factory.mktemp("drops"), drops, seed))


async def live_through_drops(home: Path, drops: list[tuple[int, bool]], seed: int) -> None:
    """At each pair: after so many ms one end of the connection closes, so what is under way in both directions goes."""
    world = World(home, "", seed, asking=False)
    await world.rig.open()
    world._listen()
    runner = await world.rig.join()
    try:
        await world.rig.found(*MEMBERS, group=GROUP, worker="bob")
        for wait, ours in drops:
            await asyncio.sleep(wait / 1000)
            if runner._ends:
                await runner._ends[0 if ours else 1].close()
        await world.settle()
        await world.check()
        assert "seat_lost" not in await world.rig.kinds(GROUP)  # a drop is no loss
    finally:
        await world.rig.close()
