"""A seat for one epoch: calls start when released, results come once, and a stop tells the truth about each."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from runner_rooms import AGENT, OTHER, Rooms, alive_with, person, program, until

from clawgroups.errors import DriverError
from clawgroups.group.state import Fate
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms
from clawgroups.runner.beneath import replace_file
from clawgroups.runner.drivers.base import OnDelta


class Scripted:
    """A driver that says what it was given, or raises it."""

    def __init__(self, *turns: Turn | BaseException, hang: bool = False) -> None:
        self.turns = list(turns)
        self.hang = hang
        self.threads: list[list[Entry]] = []

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        self.threads.append(list(thread))
        on_delta("reasoning", "hm ")
        on_delta("text", "part")
        if self.hang:
            await asyncio.sleep(60)
        turn = self.turns.pop(0)
        if isinstance(turn, BaseException):
            raise turn
        return turn

    async def close(self) -> None:
        pass


def write(path: str, call: str = "") -> ToolCall:
    return ToolCall(call or path, "write_file", json.dumps({"path": path, "content": path}))


async def test_a_call_does_not_start_before_its_release_and_its_result_comes_once(rooms: Rooms) -> None:
    driver = Scripted(Turn("I write.", calls=(write("a"), write("b"))), Turn("done"))
    rooms.make_driver = lambda *args: driver
    place = rooms.drive(program("x")).place
    step = await rooms.next(ms.StepDone)
    assert [call.id for call in step.turn.calls] == ["a", "b"]
    await asyncio.sleep(0.05)
    assert not Path(place.root, "a").exists()
    for _ in range(2):
        rooms.release("b", "", "")
    await rooms.next(ms.ResultDone)
    rooms.release("b", "", "")
    rooms.release("a", "", "")
    await rooms.next(ms.ResultDone, 2)
    await asyncio.sleep(0.05)
    assert [result.call for result in rooms.of(ms.ResultDone)] == ["b", "a"]
    assert Path(place.root, "a").read_text() == "a"
    rooms.house.hear(ms.ProceedSeat(agent=AGENT, epoch=1))
    assert (await rooms.next(ms.StepDone, 2)).turn.content == "done"
    assert [entry.role for entry in driver.threads[1]] == ["user", "assistant", "tool", "tool"]


async def test_calls_of_one_turn_run_at_once_and_not_more_than_eight(rooms: Rooms) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    rooms.drive(person(), proceed=False)
    for number in range(10):
        rooms.release(f"c{number}", "run_command", json.dumps({"command": f"echo x > c{number}; sleep {sleep}"}))
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 8)
    stopped = await rooms.stop()
    fates = [end.fate for end in sorted(stopped.ends, key=lambda end: end.call)]
    assert fates == [Fate.UNKNOWN] * 8 + [Fate.NOT_STARTED] * 2
    assert stopped.processes_left == 0
    assert alive_with(sleep) == []
    assert not rooms.of(ms.ResultDone)
    assert stopped.snapshot


async def test_a_stop_in_the_midst_of_a_turn_keeps_the_words_and_says_that_the_model_was_cut_off(rooms: Rooms) -> None:
    rooms.make_driver = lambda *args: Scripted(hang=True)
    rooms.drive(program("x"))
    rooms.live.flush()
    await until(lambda: bool(rooms.live._pieces))
    stopped = await rooms.stop()
    assert (stopped.model_call, stopped.partial, stopped.partial_reasoning) == ("aborted", "part", "hm ")
    assert not rooms.of(ms.StepDone)


async def test_a_stop_between_turns_has_nothing_to_tell(rooms: Rooms) -> None:
    rooms.drive(person(), proceed=False)
    rooms.release("a", "write_file", write("a").arguments)
    await rooms.next(ms.ResultDone)
    stopped = await rooms.stop()
    assert (stopped.model_call, stopped.partial, stopped.ends) == ("none", "", ())


@pytest.mark.parametrize(
    ("raised", "reason", "words"),
    [
        (DriverError("No such model.", kind="config", hint="Look.", partial="kept"), "config", "No such model."),
        (DriverError("Slow down.", kind="rate_limit", retry_after=3), "rate_limit", "Slow down."),
        (ZeroDivisionError("oops"), "failed", "ZeroDivisionError: oops"),
        (KeyError("x"), "failed", "KeyError"),
    ],
)
async def test_whatever_a_driver_raises_is_reported_and_the_seat_is_gone(
    rooms: Rooms, raised: BaseException, reason: str, words: str
) -> None:
    rooms.make_driver = lambda *args: Scripted(raised)
    rooms.drive(program("x"))
    failed = await rooms.next(ms.Failed)
    assert failed.reason == reason
    assert words in failed.sentence
    assert failed.partial == (getattr(raised, "partial", "") or "part")
    await until(lambda: not rooms.house.seats)
    assert len(rooms.of(ms.Failed)) == 1


async def test_a_driver_that_cannot_be_made_and_a_source_that_is_gone_are_reported(rooms: Rooms) -> None:
    rooms.drive(person(), agent=OTHER, proceed=False, place=rooms.place(OTHER, source="/nonexistent/x"))
    failed = await rooms.next(ms.Failed)
    assert failed.reason == "workspace"
    assert "/nonexistent/x is not there any more" in failed.sentence
    rooms.drive(program("/nonexistent/program"), agent="g-3")
    failed = await rooms.next(ms.Failed, 2)
    assert "cannot be started: there is no such program" in failed.sentence


async def test_a_refused_write_ends_the_seat_quietly(rooms: Rooms) -> None:
    rooms.make_driver = lambda *args: Scripted(hang=True)
    rooms.drive(program("x"))
    await until(lambda: bool(rooms.live._pieces))
    rooms.house.hear(ms.RefusedWrite(agent=AGENT, epoch=1, code="stale_epoch", sentence="No."))
    await until(lambda: not rooms.house.seats and not rooms.house._endings)
    assert rooms.said == []


async def test_ids_that_a_driver_repeats_or_leaves_out_become_unique(rooms: Rooms) -> None:
    turn = Turn(calls=(write("a", "x"), write("b", "x"), ToolCall("", "list_files")))
    rooms.make_driver = lambda *args: Scripted(turn, turn)
    rooms.drive(program("x"))
    first = await rooms.next(ms.StepDone)
    rooms.house.hear(ms.ProceedSeat(agent=AGENT, epoch=1))
    second = await rooms.next(ms.StepDone, 2)
    ids = [call.id for step in (first, second) for call in step.turn.calls]
    assert len(set(ids)) == 6


async def test_a_late_seat_is_dropped_and_a_newer_one_begins_when_the_old_one_stands_still(rooms: Rooms) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    stubborn = program("sh", "-c", f"trap '' TERM; setsid -f sleep {sleep}; sleep {sleep}")
    rooms.drive(stubborn, epoch=2)
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 2)
    rooms.drive(person(), epoch=2, proceed=False)  # twice
    rooms.drive(person(), epoch=1, proceed=False)  # late
    rooms.release("x", "write_file", write("late").arguments, epoch=1)
    assert rooms.house.seats[AGENT].epoch == 2
    alive_at_start: list[list[int]] = []

    def make(*_: object) -> Scripted:
        alive_at_start.append(alive_with(f"sleep\0{sleep}"))
        return Scripted(Turn("done"))

    rooms.make_driver = make
    place = rooms.drive(program("x"), epoch=3).place
    await rooms.next(ms.StepDone)
    assert alive_at_start == [[]]
    assert not Path(place.root, "late").exists()


async def test_a_stop_that_is_asked_twice_is_proved_twice_and_only_when_it_is_true(rooms: Rooms) -> None:
    sleep = str(100_000 + secrets.randbelow(10**9))
    rooms.drive(program("sh", "-c", f"trap '' TERM; setsid -f sleep {sleep}; sleep {sleep}"))
    await until(lambda: len(alive_with(f"sleep\0{sleep}")) == 2)
    rooms.house.hear(ms.StopSeat(agent=AGENT, epoch=1))
    rooms.house.hear(ms.StopSeat(agent=AGENT, epoch=1))
    await rooms.next(ms.Stopped)
    assert alive_with(sleep) == []
    await rooms.next(ms.Stopped, 2)
    assert (await rooms.stop(agent="g-9")).detail == "no such seat on this runner"


async def test_a_write_that_is_under_way_is_over_when_the_stop_is_proved(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, slow = threading.Event(), 0.3

    def replace_slowly(*parts: Any) -> None:
        begun.set()
        time.sleep(slow)  # a slow disk; the rest is the real thing
        replace_file(*parts)

    monkeypatch.setattr("clawgroups.runner.tools.edits.replace_file", replace_slowly)
    place = rooms.drive(person(), proceed=False).place
    rooms.release("a", "write_file", write("a").arguments)
    rooms.release("b", "write_file", write("b").arguments)
    await until(begun.is_set)
    stopped = await rooms.stop()
    then = sorted(path.name for path in Path(place.root).iterdir())
    await asyncio.sleep(0.1)
    assert sorted(path.name for path in Path(place.root).iterdir()) == then
    assert len(then) == 1, "the second had not begun, and must not begin any more"
    assert {end.fate for end in stopped.ends} <= {Fate.UNKNOWN, Fate.DONE}


async def test_a_question_about_files_is_answered_while_nobody_sits(rooms: Rooms) -> None:
    place = rooms.drive(person(), proceed=False).place
    rooms.release("a", "write_file", write("a.txt").arguments)
    await rooms.next(ms.ResultDone)
    await rooms.stop()
    bad = Path(place.root).as_posix().encode() + b"/bad\xff"
    Path(bad.decode("utf-8", "surrogateescape")).write_text("x")
    for number, (what, path) in enumerate(
        (("files", ""), ("read_file", "a.txt"), ("read_file", "../x"), ("huh", "")), 1
    ):
        rooms.house.hear(ms.Ask(id=number, what=what, place=place, path=path))
        await rooms.next(ms.Reply, number)
    files, text, outside, unknown = rooms.of(ms.Reply)
    assert {file["path"]: file["status"] for file in files.body["files"]} == {"a.txt": "added", "bad\ufffd": "added"}
    assert "+a.txt" in files.body["diff"]
    ms.encode(ms.Frame(1, 0, files))
    assert text.body["text"] == "a.txt"
    assert outside.error is not None
    assert "'..' is not allowed" in str(outside.error["sentence"])
    assert unknown.error is not None
