"""The table of commands is what the rules do: every situation is made by real commands, every row is tried in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clawgroups.errors import Refused
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.command_table import ROWS, Refusal, Row, Situation, situation_of
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import Fate, RequestKind
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run

YOU = LOCAL_ADMIN
S = Situation


def _queued(scene: Scene) -> str:
    scene.conduct()
    scene.fail(reason="connection")
    return CHILD


def _driving(scene: Scene) -> str:
    scene.conduct()
    scene.turn(CHILD, call("ghost"))
    return CHILD


def _by_person(scene: Scene) -> str:
    scene.take(_driving(scene))
    return CHILD


def _handing_over(scene: Scene) -> str:
    scene.must(cmd.TakeOver(agent=_driving(scene)), ANN)
    return CHILD


def _approval(scene: Scene) -> str:
    scene.conduct()
    scene.turn(CHILD, run())
    return CHILD


def _answer(scene: Scene) -> str:
    scene.launch(CONDUCTOR)
    scene.turn(CONDUCTOR, call("ask_person", question="?"))
    return CONDUCTOR


def _review(scene: Scene) -> str:
    scene.conduct({"acceptance": "good"})
    scene.turn(CHILD)
    return CHILD


def _children(scene: Scene) -> str:
    scene.conduct()
    return CONDUCTOR


def _budget(scene: Scene) -> str:
    scene.conduct()
    scene.limit(max_steps=1)
    scene.turn(CHILD, call("ghost"))
    return CHILD


def _paused(scene: Scene) -> str:
    scene.must(cmd.PauseAgent(agent=_queued(scene)))
    return CHILD


def _done(scene: Scene) -> str:
    scene.conduct()
    scene.turn(CHILD)
    return CHILD


def _failed(scene: Scene) -> str:
    scene.conduct()
    scene.fail()
    scene.answer(RequestKind.STALL, "fail")
    return CHILD


def _cancelled(scene: Scene) -> str:
    scene.must(cmd.CancelAgent(agent=_driving(scene)))
    scene.stop()
    return CHILD


MAKE: dict[Situation, Callable[[Scene], str]] = {
    S.QUEUED: _queued, S.DRIVING: _driving, S.BY_PERSON: _by_person, S.HANDING_OVER: _handing_over,
    S.APPROVAL: _approval, S.ANSWER: _answer, S.REVIEW: _review, S.CHILDREN: _children, S.BUDGET: _budget,
    S.PAUSED: _paused, S.DONE: _done, S.FAILED: _failed, S.CANCELLED: _cancelled,
}  # fmt: skip


def _command(scene: Scene, row: str, agent: str) -> tuple[cmd.Command, str]:
    """The command of a row, and who sends it."""
    at = scene.agent(agent)
    driver = at.driver.member if at.driver else at.member
    own = {
        "take over, now": (cmd.TakeOver(agent=agent), YOU),
        "take over, after this step": (cmd.TakeOver(agent=agent, after_step=True), YOU),
        "withdraw the take-over asked for": (cmd.WithdrawTakeOver(agent=agent), YOU),
        "hand back": (cmd.HandBack(agent=agent), ANN),
        "hand back for one step": (cmd.HandBack(agent=agent, one_step=True), ANN),
        "reassign to another program or model": (
            cmd.Reassign(agent=agent, to="model" if driver == "program" else "program"),
            YOU,
        ),
        "steer": (cmd.SteerAgent(agent=agent, text="left"), YOU),
        "pause": (cmd.PauseAgent(agent=agent), YOU),
        "resume, or take back a pause asked for": (cmd.ResumeAgent(agent=agent), YOU),
        "cancel": (cmd.CancelAgent(agent=agent), YOU),
        "fork from a step": (cmd.ForkAgent(agent=agent, step=0), YOU),
        "rewind to a step, but for the root": (cmd.ForkAgent(agent=agent, step=0, instead=True), YOU),
        "launch": (cmd.Launch(agent=agent), "dispatcher"),
        "write a step": (cmd.RecordStep(agent=agent, epoch=at.epoch, calls=(call("ghost"),)), driver),
        "write with an older epoch": (cmd.RecordStep(agent=agent, epoch=at.epoch - 1), driver),
        "report that it cannot go on": (
            cmd.ReportFailure(agent=agent, epoch=at.epoch, reason="auth", sentence="The key is wrong."),
            "runner",
        ),
        "prove that the old driver has stopped": (cmd.ReportStopped(agent=agent, epoch=at.seat or 1), "runner"),
        "lose its runner": (cmd.LoseSeat(agent=agent, reason="killed"), "dispatcher"),
        "renew the lease": (cmd.RenewLease(agent=agent, epoch=at.epoch), ANN),
        "let the lease run out": (cmd.LapseLease(agent=agent), "dispatcher"),
    }
    if row in REVIEWS:
        given = {"agent": agent, "decision": REVIEWS[row], "reasons": "r"}
        return cmd.RecordStep(
            agent=CONDUCTOR, epoch=scene.agent(CONDUCTOR).epoch, calls=(call("review", **given),)
        ), ANN
    return own[row] if row in own else _an_answer(scene, row)


REVIEWS = {"accept it by the tool review": "accept", "reject it by the tool review, with reasons": "reject"}
ANSWERED_BY_OTHERS = "answer what another person has"
ASSIGNS = "claim a request, assign it, or let it go"
ANSWERS = {
    "approve, edit or deny a call": (RequestKind.APPROVAL, "approve"),
    "answer a question": (RequestKind.QUESTION, "answer"),
    "accept the work": (RequestKind.REVIEW, "accept"),
    "reject the work, with reasons": (RequestKind.REVIEW, "reject"),
    "raise the limit": (RequestKind.BUDGET, "raise"),
}


def _an_answer(scene: Scene, row: str) -> tuple[cmd.Command, str]:
    if row in (ASSIGNS, ANSWERED_BY_OTHERS):
        request = [*scene.group.requests, "g-r99"][0]
        assigns = cmd.AssignRequest(request=request, to=ANN)
        return assigns if row == ASSIGNS else cmd.AnswerRequest(request=request, decision="approve"), ANN
    kind, decision = ANSWERS[row]
    open_now = [request.id for request in scene.group.requests.values() if request.kind is kind]
    return cmd.AnswerRequest(request=[*open_now, "g-r99"][0], decision=decision, text="t", amount=50), ANN


def _prepare(scene: Scene, row: Row, agent: str, situation: Situation) -> None:
    """What has to be asked for before it can be taken back; time that has to pass before a lease runs out."""
    waits = row.outcomes[situation] is situation
    if row.name == "withdraw the take-over asked for" and waits:
        scene.must(cmd.TakeOver(agent=agent, after_step=True), YOU)
    if row.name == "resume, or take back a pause asked for" and waits:
        scene.must(cmd.PauseAgent(agent=agent), YOU)
    if row.name == ANSWERED_BY_OTHERS:
        for request in scene.group.requests:
            scene.must(cmd.AssignRequest(request=request, to=YOU), YOU)
    if row.name in REVIEWS:
        scene.take(CONDUCTOR)  # a person at its wheel, who may review whatever waits for a review
    scene.turns.clear()  # from here on the test is the runner
    scene.stopping.clear()
    scene.at += 121_000 if row.name in ("let the lease run out", "launch") else 0


@pytest.mark.parametrize("situation", list(Situation))
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_command_does_what_the_table_says(row: Row, situation: Situation) -> None:
    scene = Scene()
    agent = MAKE[situation](scene)
    assert situation_of(scene.agent(agent)) is situation
    _prepare(scene, row, agent, situation)
    before, (command, actor) = scene.group, _command(scene, row.name, agent)
    error, outcome = scene.tell(command, actor), row.outcomes[situation]
    if row.name == "rewind to a step, but for the root" and agent == CONDUCTOR:
        outcome = Refusal("rewind")
    if row.name in REVIEWS and isinstance(outcome, Refusal):  # a tool's refusal is its result, no refusal of the step
        assert error is None
        said = scene.happened(ev.CallClosed, CONDUCTOR)[-1]
        assert (said.fate, said.content.startswith("review: ")) == (Fate.FAILED, True)
        assert situation_of(scene.agent(agent)) is situation_of(before.agents[agent])
    elif isinstance(outcome, Refusal):
        assert isinstance(error, Refused), f"it is allowed: {scene.agent(agent)}"
        assert error.rule == outcome.rule
        assert error.state in (before.agents[agent].status.value, "closed")
        assert scene.group == before
    else:
        assert error is None, error
        assert situation_of(scene.agent(agent)) is outcome


def test_the_table_covers_every_situation_and_every_command_about_one_sub_agent() -> None:
    assert all(set(row.outcomes) == set(Situation) for row in ROWS)
    tried: set[type[cmd.Command]] = {cmd.AnswerRequest}
    for row in ROWS:
        scene = Scene()
        tried.add(type(_command(scene, row.name, MAKE[S.DRIVING](scene))[0]))
    asides = {cmd.RecordResult, cmd.KeepLateWrite}  # judged by the call or not at all, not by the situation
    assert {kind for kind in cmd.AgentCommand.__subclasses__() if kind not in asides} <= tried
