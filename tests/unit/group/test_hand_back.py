"""Handing back: who may, to whom, what the agent is told, and that its thread stays valid."""

from __future__ import annotations

from typing import Any

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.state import AgentStatus, Fate, RequestKind
from clawgroups.ledger.transcript import entries_of
from clawgroups.runner.drivers.model_messages import messages_of
from tests.unit.group.scene import ANN, CHILD, CONDUCTOR, Scene, call, run


def _taken() -> Scene:
    scene = Scene()
    scene.conduct()
    scene.take()
    return scene


def test_the_former_driver_goes_on_at_a_new_epoch_and_is_told_first() -> None:
    scene = _taken()
    (back,) = scene.must(cmd.HandBack(agent=CHILD, note="mind the tests", record="Ann did this."), ANN)
    assert isinstance(back, ev.HandedBack)
    assert (back.epoch, back.member, back.former, back.note, back.record) == (
        3, "model", ANN, "mind the tests", "Ann did this.",
    )  # fmt: skip
    assert scene.agent().status is AgentStatus.DRIVING
    assert scene.asked(fx.Stop) == [fx.Stop(CHILD, 2, report=False)]
    assert scene.asked(fx.Drive) == [fx.Drive(CHILD)]
    assert scene.refused(cmd.RecordStep(agent=CHILD, epoch=2, content="one more"), ANN).rule == "alone"


def test_it_can_be_handed_to_another_driver_and_to_another_person() -> None:
    scene = _taken()
    scene.must(cmd.HandBack(agent=CHILD, to="program"), ANN)
    assert scene.agent().driver is not None
    assert scene.agent().driver.member == "program"
    scene = _taken()
    scene.must(cmd.HandBack(agent=CHILD, to="you"), ANN)
    assert scene.agent().driven_by_person
    assert scene.request(RequestKind.TASK).agent == CHILD, "the other person is asked to come"


def test_only_who_holds_the_wheel_or_the_admin_hands_back() -> None:
    scene = Scene()
    scene.conduct()
    scene.take(person="you")
    other = scene.refused(cmd.HandBack(agent=CHILD), ANN)
    assert (other.rule, other.state, other.sentence) == ("hand_back", "driving", "You holds the wheel.")
    scene = _taken()
    scene.must(cmd.HandBack(agent=CHILD))


def test_nothing_is_handed_back_while_the_persons_call_runs() -> None:
    scene = _taken()
    scene.turn(CHILD, call("edit"))
    running = scene.refused(cmd.HandBack(agent=CHILD), ANN)
    assert (running.rule, running.sentence) == ("hand_back", "Still running: edit.")
    scene.result("edit")
    scene.must(cmd.HandBack(agent=CHILD), ANN)


def test_nobody_hands_back_what_no_person_drives_or_with_an_old_epoch() -> None:
    scene = _taken()
    assert scene.refused(cmd.HandBack(agent=CHILD, epoch=1), ANN).rule == "alone"
    assert scene.refused(cmd.HandBack(agent=CHILD, to=ANN), ANN).rule == "hand_back"
    scene.must(cmd.HandBack(agent=CHILD, epoch=2), ANN)
    again = scene.refused(cmd.HandBack(agent=CHILD), ANN)
    assert (again.rule, again.hint) == ("hand_back", "Take over first.")


def test_words_that_wait_are_delivered_at_the_hand_back() -> None:
    scene = _taken()
    scene.turn(CHILD, call("edit"))
    scene.must(cmd.SteerAgent(agent=CHILD, text="left"))
    scene.result("edit")
    assert scene.agent().steers == ()
    scene.must(cmd.HandBack(agent=CHILD), ANN)
    assert [event.text for event in scene.happened(ev.SteerDelivered)] == ["left"]


def _messages(scene: Scene, agent: str = CHILD) -> list[dict[str, Any]]:
    """The thread as a model would be sent it."""
    entries = [
        entry
        for recorded in scene.events
        if recorded.agent == agent
        for entry in entries_of(recorded.seq, recorded.at, recorded.event)
    ]
    return messages_of(entries, reasoning=False)


def _assert_valid(messages: list[dict[str, Any]]) -> None:
    """Each call is answered once, right after the turn that made it, before anybody else speaks."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting, messages
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting, f"{waiting} dangle before {message}"
        waiting = {made["id"] for made in message.get("tool_calls", [])}
    assert not waiting


def test_the_thread_is_valid_after_a_take_over_in_the_middle_of_calls_and_a_hand_back() -> None:
    scene = Scene()
    scene.conduct()
    scene.turn(CHILD, call("edit", id="a"), run(id="b"), words="I edit.")
    scene.must(cmd.TakeOver(agent=CHILD), ANN)
    scene.stop(CHILD, cmd.CallEnd("a", Fate.UNKNOWN))
    scene.must(cmd.AnswerRequest(request=scene.request(RequestKind.APPROVAL).id, decision="deny"))
    scene.turn(CHILD, call("read", id="c"), words="By hand.")
    scene.result("c", content="the file")
    scene.must(cmd.HandBack(agent=CHILD, record="Ann did this."), ANN)
    scene.turn(CHILD, words="Done.")
    messages = _messages(scene)
    _assert_valid(messages)
    told = [str(message["content"]) for message in messages]
    for words in ("is not known", "denied this call", "By hand.", "the file", "Ann did this.", "Done."):
        assert any(words in text for text in told), words


def test_the_thread_is_valid_when_it_is_handed_back_while_a_call_still_waits_for_leave() -> None:
    scene = Scene()
    scene.conduct()
    scene.turn(CHILD, run())
    scene.take()
    scene.must(cmd.HandBack(agent=CHILD, record="Ann looked on."), ANN)
    assert scene.agent().status is AgentStatus.WAITING
    scene.answer(RequestKind.APPROVAL, "approve")
    scene.result("run", content="it ran")
    scene.turn(CHILD, words="Done.")
    _assert_valid(_messages(scene))


def test_the_conductors_thread_is_valid_when_a_person_goes_on_without_its_children() -> None:
    scene = Scene()
    scene.conduct({"title": "first"}, {"title": "second"})
    scene.take(CONDUCTOR)
    scene.turn(CONDUCTOR, words="I do not wait.", final=False)
    scene.turn(CHILD, words="found it")
    scene.must(cmd.HandBack(agent=CONDUCTOR, record="Ann went on."), ANN)
    messages = _messages(scene, CONDUCTOR)
    _assert_valid(messages)
    assert any("found it" in str(message["content"]) for message in messages), "its result comes as words"
