"""A person's terminal on a real seat: in the sandbox, on record, gone with the seat, bounded under a flood."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from runner_rooms import Rooms, alive_with, marked, person, program, until

from clawgroups.group.state import Fate
from clawgroups.link import messages as ms
from clawgroups.runner.sandbox import SandboxLevel
from clawgroups.runner.terminal_flow import WINDOW
from clawgroups.runner.terminal_record import Record
from clawgroups.runner.tools.toolbox import Toolbox

AGENT = f"g-{os.getpid()}"  # other tests run beside these, and a stop ends whatever carries the seat's mark
OTHER = f"{AGENT}b"
MARK = f"{AGENT}.1"


class Desk:
    """A person at their terminal."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    @property
    def shown(self) -> str:
        return "".join(piece.text for piece in self.rooms.of(ms.TerminalOutput))

    async def open(self, call: str = "t1") -> ms.TerminalOpened:
        before = len(self.rooms.of(ms.TerminalOpened))
        self.rooms.release(call, "terminal", '{"cols": 100, "rows": 30}', agent=AGENT)
        opened = await self.rooms.next(ms.TerminalOpened, before + 1)
        await self.sees("$ ")
        return opened

    def type(self, text: str, *, epoch: int = 1) -> None:
        self.rooms.house.hear(ms.TerminalInput(agent=AGENT, epoch=epoch, text=text))

    def end(self, *, keep: bool = False) -> None:
        self.rooms.house.hear(ms.TerminalEnd(agent=AGENT, epoch=1, keep=keep))

    def take(self) -> None:
        number = self.rooms.of(ms.TerminalOutput)[-1].number
        self.rooms.house.hear(ms.TerminalTaken(agent=AGENT, epoch=1, number=number))

    async def sees(self, words: str, times: int = 1) -> None:
        await until(lambda: self.shown.count(words) >= times, 20.0)

    async def record(self, number: int = 1) -> ms.ResultDone:
        async with asyncio.timeout(20):
            return await self.rooms.next(ms.ResultDone, number)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with httpx.AsyncClient() as client:
        rooms = Rooms(tmp_path, client)
        rooms.drive(person(), agent=AGENT, proceed=False)
        yield Desk(rooms)
        await rooms.house.close()


async def test_what_is_done_in_it_stands_in_the_call_s_result(desk: Desk) -> None:
    await desk.open()
    desk.type("echo one > a.txt; pwd; stty size\r")
    await desk.sees("30 100")
    desk.type("exit 3\r")
    record = await desk.record()
    assert (record.call, record.ok) == ("t1", True)
    assert "Typed:\n  echo one > a.txt; pwd; stty size\n  exit 3" in record.content
    assert "\n/ws\n30 100\n" in record.content
    assert "exit status 3" in record.content
    assert record.snapshot, "what it changed in the workspace is kept with the step"
    assert desk.rooms.of(ms.TerminalClosed)[-1].why == "its shell ended with exit status 3"
    assert (desk.rooms.folder / Path("home", "work", "g", "agents", AGENT, "a.txt")).read_text() == "one\n"


async def test_the_keyboard_interrupts_and_sizes_follow(desk: Desk) -> None:
    await desk.open()
    desk.type("sleep 3717\r")  # a number of its own, that nothing else sleeps for
    await until(lambda: bool(alive_with("sleep\x003717")))
    desk.type("\x03")
    await until(lambda: not alive_with("sleep\x003717"))
    await desk.sees("$ ", times=2)  # what is typed before the prompt is back may be thrown away by the shell
    desk.rooms.house.hear(ms.TerminalSize(agent=AGENT, epoch=1, cols=77, rows=22))
    desk.type("stty size\r")
    await desk.sees("22 77")


async def test_it_reaches_no_network_and_nothing_outside(desk: Desk, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        port = here.getsockname()[1]
        await desk.open()
        desk.type(f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo IN-TOUCH || echo NO''-TOUCH\r")
        await desk.sees("NO-TOUCH")
        desk.type(f"ls {tmp_path} > /dev/null 2>&1 && echo SEE''N || echo UN''SEEN; touch /usr/x || echo FI''XED\r")
        await desk.sees("FIXED")
    assert "UNSEEN" in desk.shown
    assert "IN-TOUCH\r" not in desk.shown


async def test_the_end_of_the_seat_ends_it_with_all_it_left_running_and_the_record_is_kept(desk: Desk) -> None:
    await desk.open()
    desk.type("setsid -f sleep 4321; sleep 4322 & echo star''ted\r")
    await desk.sees("started")
    await until(lambda: len(alive_with("sleep\x00432")) == 2)
    stopped = await desk.rooms.stop(AGENT)
    assert stopped.processes_left == 0
    assert stopped.processes_found > 0
    assert not alive_with("sleep\x00432")
    assert not marked(MARK)
    (end,) = stopped.ends
    assert (end.call, end.fate) == ("t1", Fate.UNKNOWN)
    assert "setsid -f sleep 4321" in end.content
    assert "ended with the wheel" in end.content


@pytest.mark.parametrize("cut_off", [False, True])
async def test_the_record_of_hostile_output_is_made_beside_the_loop_that_all_seats_share(
    desk: Desk, cut_off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Record.told
    threads: list[threading.Thread] = []

    def noted(record: Record, ended: str) -> str:
        threads.append(threading.current_thread())
        return told(record, ended)

    monkeypatch.setattr(Record, "told", noted)
    await desk.open()
    desk.type("echo a''b\r")
    await desk.sees("ab")
    if cut_off:
        (end,) = (await desk.rooms.stop(AGENT)).ends
        content = end.content
    else:
        desk.end()
        content = (await desk.record()).content
    assert "Typed:\n  echo a''b" in content
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_a_shell_that_is_kept_goes_on_under_the_next_call(desk: Desk) -> None:
    assert (await desk.open()).fresh
    desk.type("secret=42; cd /tmp\r")
    await desk.sees("~ $")
    desk.end(keep=True)
    assert "it was left open" in (await desk.record()).content
    desk.type("echo not-on-record\r")
    assert not (await desk.open("t2")).fresh
    desk.type("echo $secret in $PWD\r")
    await desk.sees("42 in /tmp")
    desk.end()
    second = await desk.record(2)
    assert "42 in /tmp" in second.content
    assert "not-on-record" not in desk.shown, "no call was open: nothing may be typed"
    assert not marked(MARK)


async def test_words_of_an_old_epoch_reach_no_shell(desk: Desk) -> None:
    await desk.open()
    desk.type("echo old-ep''och\r", epoch=7)
    desk.type("echo present-ep''och\r")
    await desk.sees("present-epoch")
    assert "old-epoch" not in desk.shown
    await desk.rooms.stop(AGENT)
    shown = desk.shown
    desk.type("echo late\r")
    assert desk.shown == shown


async def test_a_flood_stands_still_while_nobody_takes_it_and_goes_on_when_somebody_does(desk: Desk) -> None:
    await desk.open()
    desk.type("yes\r")
    await until(lambda: len(desk.shown) >= WINDOW - 200, 20.0)
    line = desk.rooms.house.seats[AGENT]._terminal._shell.line  # type: ignore[union-attr]
    await until(lambda: line._flow.room == 0, 20.0)
    held = len(desk.shown)
    assert held <= WINDOW
    assert not line._reading, "a full window is not read into memory"
    desk.take()
    await until(lambda: len(desk.shown) > held, 20.0)
    desk.type("\x03")
    desk.end()
    assert (await desk.record()).ok


async def test_a_flood_keeps_no_other_seat_from_its_words(desk: Desk) -> None:
    await desk.open()
    desk.type("yes\r")
    await desk.sees("y\r\ny\r\n")
    desk.rooms.drive(program("/bin/sh", "-c", "exit 0"), agent=OTHER, proceed=False)
    desk.rooms.release("c", "list_files", "{}", agent=OTHER)
    began = asyncio.get_running_loop().time()

    def answered() -> bool:
        desk.take()
        return any(result.agent == OTHER for result in desk.rooms.of(ms.ResultDone))

    await until(answered, 20.0)
    assert asyncio.get_running_loop().time() - began < 5.0
    desk.type("\x03")


async def test_what_a_program_hides_while_it_is_typed_is_not_on_record(desk: Desk) -> None:
    await desk.open()
    desk.type("read -s word; echo got ${#word}\r")
    await desk.sees("read -s")
    line = desk.rooms.house.seats[AGENT]._terminal._shell.line  # type: ignore[union-attr]
    await until(line.hides_input)
    desk.type("hunter2\r")
    await desk.sees("got 7")
    desk.end()
    record = (await desk.record()).content
    assert "hunter2" not in record
    assert "something that was not shown" in record


async def test_without_a_sandbox_it_is_off_and_says_why(tmp_path: Path) -> None:
    async with httpx.AsyncClient() as client:
        rooms = Rooms(tmp_path, client)
        rooms.house._toolbox = Toolbox(SandboxLevel("none", "bubblewrap is not installed."))
        rooms.drive(person(), agent=AGENT, proceed=False)
        rooms.release("t1", "terminal", "{}", agent=AGENT)
        result = await rooms.next(ms.ResultDone)
        assert (result.ok, result.content) == (False, "The terminal is off here: bubblewrap is not installed.")
        await rooms.house.close()


async def test_no_driver_but_a_person_has_one_and_none_is_told_of_it(desk: Desk) -> None:
    desk.rooms.drive(program("/bin/true"), agent=OTHER, proceed=False)
    desk.rooms.release("t1", "terminal", "{}", agent=OTHER)
    await until(lambda: any(result.agent == OTHER for result in desk.rooms.of(ms.ResultDone)))
    (result,) = [result for result in desk.rooms.of(ms.ResultDone) if result.agent == OTHER]
    assert "Only a person's seat" in result.content
    assert "terminal" not in [spec.name for spec in Toolbox(SandboxLevel("bubblewrap", "")).specs]
