"""A person takes the wheel of a streaming sub-agent, works in its place and hands it back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dispatcher_rig import PAT, Rig, model, until

from clawgroups.errors import Refused, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group.state import AgentStatus, MemberKind
from clawgroups.group.thread import ToolCall, Turn
from clawgroups.link import messages as ms
from clawgroups.testing.model_reply import Call, Pause, Reply, Text, says
from clawgroups.testing.model_server import ModelServer

FOREVER = Text("still at work on this ", 200.0, forever=True)
HANDED = "hands it back"


def until_handed_back(body: dict[str, Any]) -> Reply:
    """Streams for ever, until its thread holds a hand-back."""
    if any(HANDED in str(message.get("content")) for message in body["messages"]):
        return says(Text("I went on and finished."))
    return says(FOREVER)


def assert_valid(body: dict[str, Any]) -> None:
    """OpenAI's rules of a history: each call is answered once, right behind the turn that made it."""
    messages = body["messages"]
    for index, message in enumerate(messages):
        calls = [call["id"] for call in message.get("tool_calls") or ()]
        answers = [m.get("tool_call_id") for m in messages[index + 1 : index + 1 + len(calls)]]
        assert answers == calls, messages
        if message["role"] == "tool":
            assert any(message["tool_call_id"] in str(m.get("tool_calls")) for m in messages[:index]), messages
    assert messages[-1]["role"] in ("user", "tool")


async def test_a_person_takes_over_a_streaming_model_works_and_hands_back(rig: Rig) -> None:
    async with ModelServer(until_handed_back) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.open)
        await until(lambda: rig.dispatcher.live.partial("rig2group-1")["text"])
        taken = (await rig.do(cmd.TakeOver(agent="rig2group-1"))).agents["rig2group-1"]
        assert taken.status is AgentStatus.HANDING_OVER  # the fence is committed first
        assert taken.epoch == 2
        assert server.open  # and only then anybody is told to stop
        driving = await rig.reaches(AgentStatus.DRIVING)
        assert driving.driven_by_person
        await server.until(lambda: server.aborts == 1)
        proof = await rig.ledger.reader.stop_proof("rig2group-1")
        assert proof is not None
        assert proof["proof"]["model_call"] == "aborted"
        assert proof["proof"]["processes"] == 0
        partial = (await rig.thread())[-1]
        assert partial.unfinished
        assert partial.content.startswith("still at work")
        await rig.turn("I do it.", ("write_file", {"path": "note.md", "content": "by hand\n"}))
        await until(lambda: not rig.agent().calls)
        await rig.hand_back("Look at note.md.")
        await server.until(lambda: server.count == 2)
        body = server.requests[-1].body
        await rig.reaches(AgentStatus.DONE)
    assert_valid(body)
    record = next(m["content"] for m in body["messages"] if HANDED in str(m["content"]))
    assert "called write_file" in record
    assert "note.md (added)" in record
    assert "+by hand" in record
    assert "Look at note.md." in record
    assert "Your last turn was interrupted" in record
    made = next(m for m in body["messages"] if m.get("tool_calls"))
    assert made["content"] == "I do it."
    assert made["tool_calls"][0]["function"]["name"] == "write_file"
    kinds = await rig.kinds()
    assert kinds.index("taken_over") < kinds.index("driver_stopped") < kinds.index("handed_back")


async def test_the_fate_of_an_interrupted_call_is_told(rig: Rig) -> None:
    def script(body: dict[str, Any]) -> Reply:
        if any(HANDED in str(message.get("content")) for message in body["messages"]):
            return says(Text("I looked and went on."))
        return says(Call("run_command", {"command": "sleep 30"}, id="long"))

    async with ModelServer(script) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url), policies={"run_command": "allow"})
        await until(lambda: rig.dispatcher.live.tool("rig2group-1") == "run_command")
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        await rig.reaches(AgentStatus.DRIVING)
        assert not rig.agent().calls
        fates = [entry.fate for entry in await rig.thread() if entry.call_id == "long"]
        assert fates == ["unknown"]
        await rig.hand_back()
        await rig.reaches(AgentStatus.DONE)
        body = server.requests[-1].body
    assert_valid(body)
    assert "run_command (long) was interrupted: its outcome is unknown" in str(body["messages"])


async def test_nobody_else_may_write_while_a_person_drives(rig: Rig) -> None:
    async with ModelServer(until_handed_back) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.open)
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        await rig.reaches(AgentStatus.DRIVING)
        with pytest.raises(StaleEpoch) as stale:
            await rig.do(cmd.RecordStep(agent="rig2group-1", epoch=1, content="late"), "slow")
        assert stale.value.as_dict()["driver"] == "you"
        assert stale.value.as_dict()["epoch"] == 2
        with pytest.raises(Refused, match="pat"):
            await rig.turn("mine", actor=PAT.id)
        with pytest.raises(Refused, match="You holds the wheel"):
            await rig.do(cmd.TakeOver(agent="rig2group-1"), PAT.id)
        assert rig.agent().step == 0


async def test_late_writes_of_the_old_driver_are_refused_and_kept_aside(rig: Rig) -> None:
    async with ModelServer(until_handed_back) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.open)
        link = next(iter(rig.dispatcher.crew.links.values()))
        await rig.do(cmd.TakeOver(agent="rig2group-1"))
        await rig.reaches(AgentStatus.DRIVING)
        turn = Turn(content="too late", calls=(ToolCall("c", "read_file", "{}"),))
        rig.dispatcher.reports.hear(link, ms.StepDone(agent="rig2group-1", epoch=1, step=1, turn=turn))
        async with asyncio.timeout(5):
            while "late_write_kept" not in await rig.kinds():
                await asyncio.sleep(0.01)
        assert rig.agent().step == 0
        assert not any("too late" in entry.content for entry in await rig.thread())
        kept = next(entry for entry in await rig.thread(late=True) if entry.kind == "late")
        assert "too late" in kept.content
        assert "wanted to call read_file" in kept.content


async def test_a_take_over_after_this_step_waits_for_its_end_and_can_be_withdrawn(rig: Rig) -> None:
    replies = [
        says(Text("thinking first "), Pause(0.3), Call("list_files", {"path": "."})),
        says(Text("thinking more "), Pause(0.3), Call("list_files", {"path": "."})),
    ]
    async with ModelServer(replies) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.count == 1)
        await rig.do(cmd.TakeOver(agent="rig2group-1", after_step=True), PAT.id)
        assert rig.agent().epoch == 1
        with pytest.raises(Refused, match="Pat takes over after this step already"):
            await rig.do(cmd.TakeOver(agent="rig2group-1", after_step=True))
        await rig.do(cmd.WithdrawTakeOver(agent="rig2group-1"), PAT.id)
        await server.until(lambda: server.count == 2)  # so nobody has taken the wheel
        assert rig.agent().driver is not None
        assert rig.agent().driver.kind is MemberKind.MODEL
        await rig.do(cmd.TakeOver(agent="rig2group-1", after_step=True), PAT.id)
        await until(lambda: rig.agent().driven_by_person and rig.agent().status is AgentStatus.DRIVING)
        assert server.aborts == 0
    assert rig.agent().step == 2
    assert not rig.agent().calls
    assert not any(entry.unfinished for entry in await rig.thread())


async def test_a_lease_that_runs_out_pauses_and_never_resumes_by_itself(rig: Rig) -> None:
    async with ModelServer(until_handed_back) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.open)
        await rig.do(cmd.TakeOver(agent="rig2group-1", lease_ms=300))
        await rig.reaches(AgentStatus.PAUSED)
        assert rig.agent().driver is None
        await until(lambda: rig.agent().seat == 0)
        count = server.count
        await asyncio.sleep(0.1)
        assert server.count == count
        with pytest.raises(StaleEpoch):
            await rig.do(cmd.RenewLease(agent="rig2group-1", epoch=2))
    assert "lease_lapsed" in await rig.kinds()


async def test_a_sign_of_life_keeps_the_wheel(rig: Rig) -> None:
    async with ModelServer(until_handed_back) as server:
        await rig.join()
        await rig.found(model("slow", server.base_url))
        await server.until(lambda: server.open)
        await rig.do(cmd.TakeOver(agent="rig2group-1", lease_ms=900))
        await rig.reaches(AgentStatus.DRIVING)
        for _ in range(20):
            await rig.do(cmd.RenewLease(agent="rig2group-1", epoch=2, lease_ms=900))
            await asyncio.sleep(0.1)
        assert rig.agent().driven_by_person
        assert 1 <= (await rig.kinds()).count("lease_renewed") <= 8  # written only when it is worth it
