"""Programs over real pipes: the one in the docs, one that is restarted, and all that misbehave."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runner_rooms import AGENT, Rooms, marked, program

from clawgroups.errors import DriverError
from clawgroups.group.members import ProgramConfig
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.link import messages as ms
from clawgroups.runner.drivers.program import ProgramDriver
from clawgroups.runner.drivers.program_pipe import ProgramPipe
from clawgroups.runner.reaper import Reaper

DOCS = Path(__file__).parents[3] / "docs" / "programs.md"
TASK = Entry(role="user", content="Count source/a.txt", kind="task")
CALLS = 'print(\'{"type": "calls", "calls": [{"name": "list_files"}]}\', flush=True)\n'


class Driven:
    """A driver of a Python program given as text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reaper = Reaper()
        self.heard: list[tuple[str, str]] = []
        self.drivers: list[ProgramDriver] = []

    def driver(self, code: str, *, idle_s: float = 10.0) -> ProgramDriver:
        (self.folder / "program.py").write_text("import json, os, sys, time\n" + code)
        command = ("{python}", str(self.folder / "program.py"))
        made = ProgramDriver(
            ProgramConfig(command), agent=AGENT, name="one", role="", task="Count source/a.txt",
            cwd=self.folder, reaper=self.reaper, seat=f"{self.folder.name}.1", idle_s=idle_s,
        )  # fmt: skip
        self.drivers.append(made)
        return made

    async def turn(self, driver: ProgramDriver, *thread: Entry) -> Turn:
        return await driver.turn(thread or (TASK,), (), lambda kind, text: self.heard.append((kind, text)))


@pytest.fixture
async def driven(tmp_path: Path) -> AsyncIterator[Driven]:
    made = Driven(tmp_path)
    yield made
    for driver in made.drivers:
        await driver.close()
    assert marked(f"{tmp_path.name}.1") == []


async def test_the_program_in_the_docs_works_as_it_stands(rooms: Rooms, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code is not None
    assert len(code.group(1).splitlines()) <= 25
    (tmp_path / "program.py").write_text(code.group(1))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("one\ntwo\n")
    place = rooms.place(source=str(tmp_path / "mine"))
    rooms.drive(program("{python}", str(tmp_path / "program.py")), task="Count source/a.txt", place=place)
    step = await rooms.next(ms.StepDone)
    assert step.turn.content == "I measure source/a.txt."
    rooms.release(step.turn.calls[0].id, "", "")
    await rooms.next(ms.ResultDone)
    rooms.house.hear(ms.ProceedSeat(agent=AGENT, epoch=1))
    assert (await rooms.next(ms.StepDone, 2)).turn.content == "source/a.txt has 2 lines."


async def test_a_program_is_started_again_with_the_whole_thread_after_a_hand_back(rooms: Rooms) -> None:
    code = (
        "import json, sys\n"
        "thread = json.loads(sys.stdin.readline())['thread']\n"
        "if len(thread) == 1: print(json.dumps({'type': 'text', 'text': 'first'}), flush=True); sys.stdin.read()\n"
        "print(json.dumps({'type': 'result', 'text': ' | '.join(e.get('content', '') for e in thread)}), flush=True)\n"
    )
    member = program("{python}", "-c", code)
    rooms.drive(member)
    while not rooms.shown:
        rooms.live.flush() if rooms.live._pieces else None
        await asyncio.sleep(0.01)
    stopped = await rooms.stop()
    assert stopped.partial == "first"
    back = Entry(role="user", content="I looked at it; go on.", kind="hand_back")
    rooms.drive(member, epoch=3, thread=(TASK, Entry(role="assistant", content="first", unfinished=True), back))
    assert (await rooms.next(ms.StepDone)).turn.content == "Count source/a.txt | first | I looked at it; go on."


async def test_results_come_under_the_programs_own_ids_with_what_else_was_said(driven: Driven) -> None:
    driver = driven.driver(
        "sys.stdin.readline()\n"
        "print(json.dumps({'type': 'reasoning', 'text': 'hm'}), flush=True)\n"
        "call = {'id': '1', 'name': 'a', 'arguments': {'é': 1}}\n"
        "print(json.dumps({'type': 'calls', 'text': 'x', 'calls': [call]}), flush=True)\n"
        "print(json.dumps({'type': 'result', 'text': sys.stdin.readline()}), flush=True)\n"
    )
    turn = await driven.turn(driver)
    assert (turn.content, turn.reasoning, turn.calls) == ("x", "hm", (ToolCall("1", "a", '{"é": 1}'),))
    steer = Entry(role="user", content="faster", kind="steer")
    own = Entry(role="assistant", content="x", calls=(ToolCall("1.1", "a"),))
    result = Entry(role="tool", call_id="1.1", name="a", content="ok", fate="done")
    told = (await driven.turn(driver, TASK, steer, own, result)).content
    assert '"call_id": "1"' in told
    assert '"faster"' in told
    assert '"assistant"' not in told


WAIT = "; sys.stdout.flush(); time.sleep(30)"
MISBEHAVIOUR = {
    "nonsense": ("print('hello world')" + WAIT, "line 1 is not of the protocol"),
    "wrong types": (
        "print(json.dumps({'type': 'text', 'text': 5}))" + WAIT,
        "text.text Input should be a valid string",
    ),
    "unknown type": ("print(json.dumps({'type': 'dance'}))" + WAIT, "'dance'"),
    "a list": ("print('[1]')" + WAIT, "line 1 is not of the protocol"),
    "no calls": ("print(json.dumps({'type': 'calls', 'calls': []}))" + WAIT, "at least 1 item"),
    "no UTF-8": ('sys.stdout.buffer.write(b\'{"type": "\\xff"}\\n\')' + WAIT, "not of the protocol"),
    "too long a line": ("sys.stdout.write('x' * 5_000_000)" + WAIT, "line 1 is too long (over 4,194,304 bytes)"),
    "too many words": (
        "for _ in range(5): print(json.dumps({'type': 'text', 'text': 'x' * 1_000_000}), flush=True)",
        "more than 4,000,000 characters",
    ),
    "dies": ("sys.stderr.write('out of cheese\\n'); sys.exit(7)", "ended with status 7 and no result"),
    "hangs": ("sys.stdin.readline(); time.sleep(60)", "said nothing for 0.7 s"),
    "never reads": ("time.sleep(60)", "said nothing for 0.7 s"),
    "closes its output": ("os.close(1); time.sleep(60)", "said nothing for 0.7 s"),
    "gives up": ("print(json.dumps({'type': 'error', 'sentence': 'I cannot.'}))" + WAIT, "I cannot."),
}
PROGRAM_FAULTS = ("dies", "gives up")


@pytest.mark.parametrize("how", MISBEHAVIOUR)
async def test_each_misbehaviour_gives_a_clear_sentence_and_nothing_stays(driven: Driven, how: str) -> None:
    code, sentence = MISBEHAVIOUR[how]
    silent = "said nothing" in sentence
    kind = "silent" if silent else "program" if how in PROGRAM_FAULTS else "protocol"
    driver = driven.driver(code, idle_s=0.7 if silent else 10)
    began = time.monotonic()
    with pytest.raises(DriverError) as caught:
        await driven.turn(driver, Entry(role="user", content="x" * 300_000))
    assert sentence in caught.value.sentence
    assert caught.value.kind == kind
    assert time.monotonic() - began < 5
    if how == "dies":
        assert "out of cheese" in caught.value.hint


async def test_words_said_before_a_death_are_kept(driven: Driven) -> None:
    driver = driven.driver("print(json.dumps({'type': 'text', 'text': 'half'}), flush=True); sys.exit(1)")
    with pytest.raises(DriverError) as caught:
        await driven.turn(driver)
    assert caught.value.partial == "half"
    assert driven.heard == [("text", "half")]


async def test_answering_twice_is_an_error_at_the_next_turn(driven: Driven) -> None:
    driver = driven.driver("sys.stdin.readline()\n" + CALLS + CALLS + "time.sleep(30)")
    turn = await driven.turn(driver)
    await asyncio.sleep(0.1)
    with pytest.raises(DriverError, match=r"answered twice \(line 2\)"):
        await driven.turn(driver, TASK, Entry(role="assistant", calls=turn.calls))


async def test_megabytes_on_standard_error_do_not_hold_the_program_up(driven: Driven) -> None:
    driver = driven.driver(
        'sys.stderr.write(\'e\' * 20_000_000 + \'\\n\'); print(\'{"type": "result", "text": "ok"}\')'
    )
    assert (await driven.turn(driver)).content == "ok"


async def test_a_program_that_died_between_two_turns_is_started_again_with_the_thread(driven: Driven) -> None:
    code = (
        "n = len(json.loads(sys.stdin.readline())['thread'])\n"
        "if n > 1: print(json.dumps({'type': 'result', 'text': str(n)}))\n"
        "else: " + CALLS
    )
    driver = driven.driver(code)
    turn = await driven.turn(driver)
    own, result = Entry(role="assistant", calls=turn.calls), Entry(role="tool", call_id="call_0", content="x")
    async with asyncio.timeout(5):
        assert driver._pipe is not None
        await driver._pipe._process.wait()
    assert (await driven.turn(driver, TASK, own, result)).content == "3"


async def test_a_program_sees_no_key_and_no_token(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_API_KEY", "sekret-5")
    monkeypatch.setenv("CLAWGROUPS_LINK_TOKEN", "sekret-6")
    every = "[f'/proc/{name}/environ' for name in os.listdir('/proc') if name.isdigit()]"
    look = f"seen = ''.join(open(path, errors='replace').read() for path in {every})\n"
    driver = driven.driver(look + "print(json.dumps({'type': 'result', 'text': seen}))")
    seen = (await driven.turn(driver)).content
    assert "CLAWGROUPS_SEAT" in seen
    assert "sekret" not in seen


@pytest.mark.parametrize("command", ["no-such-program-9", "/etc/passwd", str(Path(sys.executable).parent)])
async def test_what_cannot_be_started_is_named(driven: Driven, command: str) -> None:
    driver = driven.driver("")
    driver._config = ProgramConfig((command,))
    with pytest.raises(DriverError, match="cannot be started") as caught:
        await driven.turn(driver)
    assert command in caught.value.sentence


async def test_the_pipes_of_a_program_that_is_gone_come_to_their_end() -> None:
    """Much was said and not read: what is left in a pipe must not keep it open."""
    code = "print('{}\\n' * 300_000, flush=True); import time; time.sleep(600)"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe, stderr=pipe)
    program_pipe = ProgramPipe(process, 10.0)
    with pytest.raises(DriverError):
        await program_pipe.receive("")
    process.kill()
    await process.wait()
    await program_pipe.close()
    assert process.stdout is not None
    assert process.stderr is not None
    assert (process.stdout.at_eof(), process.stderr.at_eof()) == (True, True)
