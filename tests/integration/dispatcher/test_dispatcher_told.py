"""Whoever gets the wheel is told what happened before: after a lease that ran out, at a reassignment, after an end."""

from __future__ import annotations

from typing import Any

import pytest
from dispatcher_rig import PAT, Rig, model, until

from clawgroups.group import commands as cmd
from clawgroups.group.state import AgentStatus, GroupStatus
from clawgroups.group.tools import Policy
from clawgroups.ids import group_of, now_ms
from clawgroups.testing.model_reply import Call, Reply, Text, says
from clawgroups.testing.model_server import ModelServer

AGENT = "rig2group-1"
SLEEP = says(Call("run_command", {"command": "sleep 60"}, id="long"))
WITHIN_S = 25.0


def _words(body: dict[str, Any]) -> str:
    return "\n".join(str(message.get("content")) for message in body["messages"])


def _until_told(words: str) -> Any:
    """A model that runs a long command until its thread holds these words."""
    return lambda body: says(Text("I went on.")) if words in _words(body) else SLEEP


async def _runs_a_command(rig: Rig, server: ModelServer, *others: Any) -> None:
    await rig.join()
    await rig.found(model("slow", server.base_url), *others, policies={"run_command": "allow"})
    await until(lambda: rig.dispatcher.live.tool(AGENT) == "run_command", WITHIN_S)


async def _lapse(rig: Rig) -> None:
    """The desk's clock goes on by more than a lease; nobody waits for it."""
    rig.dispatcher.desk._clock = lambda: now_ms() + 200_000
    await rig.dispatcher.desk.post(group_of(AGENT), cmd.LapseLease(agent=AGENT), "dispatcher")
    assert rig.agent().status is AgentStatus.PAUSED
    await until(lambda: rig.agent().seat == 0, WITHIN_S)


async def _works_by_hand(rig: Rig, path: str, actor: str) -> None:
    await rig.reaches(AgentStatus.DRIVING, within_s=WITHIN_S)
    await rig.turn("I do it.", ("write_file", {"path": path, "content": f"by {actor}\n"}), actor=actor)
    await until(lambda: not rig.agent().calls, WITHIN_S)


async def test_after_a_lease_that_ran_out_the_agent_is_told_what_the_person_did(rig: Rig) -> None:
    async with ModelServer(_until_told("went away without handing it back")) as server:
        await _runs_a_command(rig, server)
        await rig.do(cmd.TakeOver(agent=AGENT), PAT.id)
        await _works_by_hand(rig, "note.md", PAT.id)
        await _lapse(rig)
        await rig.do(cmd.ResumeAgent(agent=AGENT))
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
    assert "Pat took over your work and went away" in told
    assert "until You let you go on" in told
    assert "Your call run_command (long) was interrupted: its outcome is unknown" in told
    assert "Pat acted in your place" in told
    assert "called write_file" in told
    assert "note.md (added)" in told
    assert "+by pat" in told
    assert not rig.agent().former


async def test_what_a_person_left_running_when_their_lease_ran_out_is_called_theirs_and_unknown(rig: Rig) -> None:
    async with ModelServer(_until_told("went away without handing it back")) as server:
        await _runs_a_command(rig, server)
        await rig.do(cmd.TakeOver(agent=AGENT), PAT.id)
        await rig.reaches(AgentStatus.DRIVING, within_s=WITHIN_S)
        await rig.dispatcher.people.step(
            AGENT, PAT.id, epoch=2, content="", calls=[("mine", "run_command", {"command": "sleep 60"})], result=False
        )
        await until(lambda: rig.dispatcher.live.tool(AGENT) == "run_command", WITHIN_S)
        await _lapse(rig)
        await rig.do(cmd.ResumeAgent(agent=AGENT))
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
    assert "Pat's call run_command (mine) was interrupted: its outcome is unknown" in told


async def test_a_second_person_hands_back_what_both_have_done(rig: Rig) -> None:
    async with ModelServer(_until_told("hands it back")) as server:
        await _runs_a_command(rig, server)
        await rig.do(cmd.TakeOver(agent=AGENT), PAT.id)
        await _works_by_hand(rig, "pat.md", PAT.id)
        await rig.dispatcher.people.reassign(AGENT, "you", to="you", reason="Pat has to go.")
        await _works_by_hand(rig, "you.md", "you")
        await rig.hand_back("Both files are good.", to="slow")
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
    record = told[told.index("hands it back") :]
    for words in ("Pat acted in your place", "You acted in your place", "pat.md (added)", "you.md (added)"):
        assert words in record, record


async def test_a_reassignments_record_is_written_when_the_stop_is_proved_and_tells_the_fate_as_it_was(
    rig: Rig,
) -> None:
    async with ModelServer(_until_told("gave this task to you")) as server:
        await _runs_a_command(rig, server, model("quick", server.base_url))
        await rig.dispatcher.people.reassign(AGENT, "you", to="quick", reason="It hangs.")
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
        assert server.requests[-1].body["model"] == "quick"
    record = told[told.index("You gave this task to you") :]
    assert "Slow worked on it before" in record
    assert "The reason: It hangs." in record
    assert "The former driver's call run_command (long) was interrupted: its outcome is unknown" in record
    kinds = await rig.kinds()
    assert kinds.index("reassigned") < kinds.index("driver_stopped") < kinds.index("briefed")
    assert [entry.kind for entry in await rig.thread()].count("reassign") == 1


async def test_a_reassignment_from_a_person_tells_the_new_driver_what_they_did(rig: Rig) -> None:
    async with ModelServer(_until_told("gave this task to you")) as server:
        await _runs_a_command(rig, server, model("quick", server.base_url))
        await rig.do(cmd.TakeOver(agent=AGENT), PAT.id)
        await _works_by_hand(rig, "note.md", PAT.id)
        await rig.dispatcher.people.reassign(AGENT, PAT.id, to="quick", reason="")
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
    for words in ("Pat acted in your place", "called write_file", "note.md (added)", "+by pat"):
        assert words in told, told


async def test_why_a_sub_agent_failed_stands_in_its_view(rig: Rig) -> None:
    await rig.join()
    await rig.found(model("gone", "http://127.0.0.1:9/v1", key_ref="env:NO_SUCH_KEY_HERE"))
    asked = await rig.request("stall")
    assert (await rig.dispatcher.pages.agent(AGENT))["reason"] == ""
    await rig.answer(asked["id"], "fail", text="It has no key.")
    view = await rig.dispatcher.pages.agent(AGENT)
    assert view["state"] == "failed"
    assert "NO_SUCH_KEY_HERE" in view["reason"]
    assert view["reason"].endswith("It has no key.")


async def test_a_fork_opens_an_ended_group_again_after_a_restart_too(rig: Rig) -> None:
    async with ModelServer(lambda body: says(Text("Done."))) as server:
        await rig.join()
        await rig.found(model("m", server.base_url))
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        for runner in list(rig.runners):
            await rig.lose(runner)
        del rig.dispatcher.desk.groups["rig2group"]  # as when it has been put away
        await rig.do(cmd.ForkAgent(agent=AGENT, step=0))
        assert rig.group().status is GroupStatus.RUNNING
        await rig.close()
        await rig.open()
        assert "rig2group" in await rig.ledger.reader.unfinished()
        await rig.join()
        await rig.reaches(AgentStatus.DONE, number=2, within_s=WITHIN_S)
        await until(lambda: rig.group().status is GroupStatus.FINISHED)
        assert server.count == 2


def _conductor(body: dict[str, Any]) -> Reply:
    """Assigns a task that it reviews itself, sends the first draft back, accepts the second, and says so."""
    words = _words(body)
    if body["model"] == "hand":
        return says(Text("with a table" if "the table is missing" in words else "a draft"))
    if "Accepted: w-002" in words:
        return says(Text("The report is accepted."))
    if "with a table" in words:
        return says(Call("review", {"agent": "report", "decision": "accept"}, id="r2"))
    if "a draft" in words:
        return says(
            Call("review", {"agent": "report", "decision": "reject", "reasons": "the table is missing"}, id="r1")
        )
    return says(
        Call("create_subagent", {"name": "w", "system_prompt": "Work."}, id="c"),
        Call("assign_task", {"agent": "w", "prompt": "Report.", "title": "report", "review": "conductor"}, id="t"),
    )


async def test_a_model_conductor_reviews_the_drafts_of_its_sub_agents(rig: Rig) -> None:
    async with ModelServer(_conductor) as server:
        await rig.join()
        await rig.found(model("head", server.base_url), model("hand", server.base_url), worker="hand")
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        answers = {m["tool_call_id"]: m["content"] for m in server.requests[-1].body["messages"] if m["role"] == "tool"}
    assert rig.agent(2).status is AgentStatus.DONE
    assert "delivers this for your review" in answers["t"]
    assert answers["t"].endswith("a draft")
    assert answers["r1"].endswith("with a table")
    assert answers["r2"] == "Accepted: w-002 (rig2group-2) is done."
    decided = await rig.ledger.reader.requests("rig2group", state="answered")
    assert [(r["kind"], r["decision"], r["by"]) for r in decided] == [
        ("review", "reject", "head"),
        ("review", "accept", "head"),
    ]
    assert "reject" not in str(await rig.dispatcher.news.requests.views("rig2group", "open"))
    assert any("the table is missing" in entry.content and entry.by == AGENT for entry in await rig.thread(2))


def _second_try(body: dict[str, Any]) -> Reply:
    words = _words(body)
    if body["model"] == "spare":
        return says(Text("done by the spare one" if "ended as failed" in words else "not told"))
    if "done by the spare one" in words:
        return says(Text("All is done."))
    if "failed" in words:
        return says(Call("reassign_task", {"agent": "part", "member": "spare", "reason": "No key."}, id="again"))
    return says(
        Call("create_subagent", {"name": "w", "system_prompt": "Work."}, id="c"),
        Call("assign_task", {"agent": "w", "prompt": "A part.", "title": "part"}, id="t"),
    )


async def test_a_model_conductor_gives_a_failed_task_to_another_and_gets_its_message(rig: Rig) -> None:
    async with ModelServer(_second_try) as server:
        await rig.join()
        members = (model("gone", server.base_url, key_ref="env:NO_SUCH_KEY_HERE"), model("spare", server.base_url))
        await rig.found(model("head", server.base_url), *members, worker="gone")
        asked = await rig.request("stall")
        await rig.answer(asked["id"], "fail")
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        answers = {m["tool_call_id"]: m["content"] for m in server.requests[-1].body["messages"] if m["role"] == "tool"}
        spare = next(request.body for request in server.requests if request.body["model"] == "spare")
    assert rig.agent(2).status is AgentStatus.FAILED
    assert (rig.agent(3).status, rig.agent(3).title, rig.agent(3).member) == (AgentStatus.DONE, "part", "spare")
    assert answers["again"] == "done by the spare one"
    assert "A part." in _words(spare), "the new driver has the whole thread"
    assert "The reason: No key." in _words(spare)


async def test_two_who_review_at_once_answer_once(rig: Rig) -> None:
    """A person is faster than the conductor, whose call says so."""
    async with ModelServer(_conductor) as server:
        await rig.join()
        await rig.found(model("head", server.base_url), model("hand", server.base_url), worker="hand", start=False)
        await rig.do(cmd.SetPolicy("review", Policy.ASK))
        await rig.do(cmd.StartGroup())
        leave = await rig.request("approval")
        draft = await rig.request("review")
        await rig.answer(draft["id"], "accept", PAT.id)
        await rig.answer(leave["id"], "approve")
        await until(lambda: rig.agent().step == 3 or rig.agent().ended, WITHIN_S)
        thread = await rig.thread()
    refused = next(entry for entry in thread if entry.call_id == "r1" and entry.role == "tool")
    assert (refused.fate, refused.content.startswith("review: w-002 does not wait for a review: it is done.")) == (
        "failed",
        True,
    )


async def test_a_workspace_that_cannot_be_compared_keeps_nobody_from_handing_back(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ModelServer(_until_told("now hands it back")) as server:
        await _runs_a_command(rig, server)
        await rig.do(cmd.TakeOver(agent=AGENT), PAT.id)
        await _works_by_hand(rig, "note.md", PAT.id)
        monkeypatch.setattr("clawgroups.runner.snapshots.MOST_FILES", 0)
        await rig.hand_back("Go on.", actor=PAT.id)
        await rig.reaches(AgentStatus.DONE, within_s=WITHIN_S)
        told = _words(server.requests[-1].body)
    assert "Which files changed in your workspace could not be read" in told
    assert "called write_file" in told
