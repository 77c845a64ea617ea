"""The bundled survey over real pipes: conductor and workers as processes, with the real tools on an odd folder."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from clawgroups.group.members import ProgramConfig
from clawgroups.group.thread import Entry, ToolCall, Turn
from clawgroups.programs.stdio import REPLY
from clawgroups.programs.survey_report import _first_words
from clawgroups.runner.drivers.program import ProgramDriver
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import probe
from clawgroups.runner.tools.base import ToolContext
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.runner.workspace import Workspace

ODD = {
    "plain.py": (
        b'"""Says hello."""\nimport os\n\n\nclass A:\n    def f(self):\n        pass  # TODO: more | of `it`\n\n\n'
        b"async def g():\n    pass\n"
    ),
    "broken.py": b"def (:\n",
    "empty.txt": b"",
    "no binary suffix": b"\0\1\2",
    "picture.png": b"\x89PNG\0",
    "latin.txt": "gr\xfc\xdfe\n".encode("latin-1"),
    "with space.md": b"# Title | with pipe\n\n```\n# no heading\n```\n## Two\n",
    "pi|pe `tick` *star* __init__ <b>.txt": b"x\n",
    "\u00fcml\u00e4ut.txt": b"y\n",
    "new\nline.txt": b"z\nz\n",
    "=formula.txt": b"a\n",
    "sub/deep.js": b"import x from 'y';\nexport function h() {}\nclass B {}\n",
    "huge.txt": b"q" * 9_000_000,
}  # fmt: skip
SURVEYED = [name for name in ODD if name not in ("empty.txt", "no binary suffix", "picture.png", "huge.txt")]


class Survey:
    """Plays the dispatcher's part: runs calls on the real tools, and each assignment by a worker process."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        (folder / "ws").mkdir()
        self.reaper = Reaper()
        self.context = ToolContext(Workspace(folder / "ws", folder / "mine"), self.reaper, f"{folder.name}.0")
        self.tools = Toolbox(probe())
        self.folder = folder
        self.task = "Survey.\n" + json.dumps({"folder": "source", "limit": 300, "pace": 0, **settings})
        self.thread = [Entry(role="user", content=self.task, kind="task")]
        self.heard: list[str] = []
        self.failing: set[str] = set()
        self.assigned: list[str] = []

    def driver(self, module: str, task: str) -> ProgramDriver:
        command = ("{python}", "-m", f"clawgroups.programs.{module}")
        return ProgramDriver(
            ProgramConfig(command), agent="g-1", name=module, role="", task=task,
            cwd=self.folder, reaper=self.reaper, seat=f"{self.folder.name}.1",
        )  # fmt: skip

    async def run(self, module: str = "survey_conductor", *, restart: bool = False) -> str:
        return await self.drive(module, self.task, self.thread, restart=restart)

    async def drive(self, module: str, task: str, thread: list[Entry], *, restart: bool = False) -> str:
        driver = self.driver(module, task)
        try:
            for _ in range(40):
                turn = await driver.turn(thread, (), lambda kind, text: self.heard.append(text))
                if not turn.calls:
                    return turn.content
                await self.answer(turn, thread)
                if restart:
                    await driver.close()
                    driver = self.driver(module, task)
        finally:
            await driver.close()
        raise AssertionError("it never ends")

    async def answer(self, turn: Turn, thread: list[Entry]) -> None:
        number = len(thread)  # ids of a thread are unique, whatever a program calls them
        calls = tuple(ToolCall(f"{number}.{call.id}", call.name, call.arguments) for call in turn.calls)
        thread.append(Entry(role="assistant", content=turn.content, calls=calls))
        for call in calls:
            thread.append(await self.call(call))

    async def call(self, call: ToolCall) -> Entry:
        arguments = json.loads(call.arguments)
        if call.name == "create_subagent":
            content, fate = "made", "done"
        elif call.name == "assign_task":
            content, fate = await self.work(arguments)
        else:
            result = await self.tools.call(call.name, call.arguments, self.context)
            content, fate = result.content, "done" if result.ok else "failed"
        return Entry(role="tool", call_id=call.id, name=call.name, content=content, fate=fate)

    async def work(self, arguments: dict[str, Any]) -> tuple[str, str]:
        self.assigned.append(arguments["title"])
        if arguments["title"] in self.failing:
            return "The driver broke.", "failed"
        task = Entry(role="user", content=arguments["prompt"], kind="task")
        return await self.drive("survey_worker", arguments["prompt"], [task]), "done"

    def written(self, name: str) -> str:
        return (self.folder / "ws" / name).read_text()

    def table(self, heading: str) -> list[list[str]]:
        text = self.written("survey.md").split(f"## {heading}\n\n", 1)[1].split("\n\n", 1)[0]
        return [re.split(r"(?<!\\)\|", row)[1:-1] for row in text.splitlines()[2:]]


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


async def test_a_survey_of_an_odd_folder_says_the_truth_about_each_file(tmp_path: Path) -> None:
    fill(tmp_path, ODD)
    survey = Survey(tmp_path)
    said = await survey.run()
    assert said == f"Surveyed {len(SURVEYED)} files; 2 could not be surveyed. The report is survey.md in the workspace."
    rows = {file["path"].removeprefix("source/"): file for file in json.loads(survey.written("survey.json"))["files"]}
    assert sorted(rows) == sorted(SURVEYED)
    for name, row in rows.items():
        assert row["bytes"] == len(ODD[name])
        assert row["lines"] == ODD[name].count(b"\n")
    assert (rows["plain.py"]["function_count"], rows["plain.py"]["class_count"]) == (2, 1)
    assert [mark["line"] for mark in rows["plain.py"]["marks"]] == [7]
    assert "does not parse" in rows["broken.py"]["problem"]
    assert [heading["text"] for heading in rows["with space.md"]["headings"]] == ["Title | with pipe", "Two"]
    failed = {each["path"]: each["why"] for each in json.loads(survey.written("survey.json"))["failed"]}
    assert "binary file of 3 bytes" in failed["source/no binary suffix"]
    assert "larger than" in failed["source/huge.txt"]
    assert "2 more files were left out" in survey.written("survey.md")
    cells = list(csv.reader(io.StringIO(survey.written("survey.csv"))))
    assert [len(row) for row in cells] == [8] * (len(SURVEYED) + 1)


async def test_the_reports_tables_are_right_and_nothing_breaks_out_of_a_cell(tmp_path: Path) -> None:
    fill(tmp_path, ODD)
    survey = Survey(tmp_path)
    await survey.run()
    files = survey.table("All files")
    assert len(files) == len(SURVEYED)
    assert {len(row) for row in files} == {6}
    assert sum(int(row[2]) for row in files) == sum(ODD[name].count(b"\n") for name in SURVEYED)
    languages = {row[0].strip(): (int(row[1]), int(row[2])) for row in survey.table("Languages")}
    assert languages["Python"] == (2, ODD["plain.py"].count(b"\n") + 1)
    assert sum(count for count, _ in languages.values()) == len(SURVEYED)
    assert {len(row) for row in survey.table("Open marks")} == {3}
    text = survey.written("survey.md")
    assert "pi\\|pe \\`tick\\` \\*star\\* \\_\\_init\\_\\_ &lt;b>.txt" in text
    assert not re.search(r"(?<!\\)`", text)


async def test_failing_children_are_named_and_more_files_than_the_limit_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, {f"f{number:02}.txt": b"x\n" for number in range(12)})
    survey = Survey(tmp_path, limit=8)
    survey.failing = {"source/f03.txt"}
    assert "Surveyed 7 files; 1 could not be surveyed" in await survey.run()
    text = survey.written("survey.md")
    assert "4 more files were left out" in text
    assert "| source/f03.txt | The driver broke. |" in text


async def test_a_conductor_that_is_started_again_after_every_turn_does_nothing_twice(tmp_path: Path) -> None:
    fill(tmp_path, {f"f{number}.txt": b"x\n" for number in range(70)})
    survey = Survey(tmp_path)
    assert "Surveyed 70 files; 0 could not" in await survey.run(restart=True)
    assert len(survey.assigned) == len(set(survey.assigned)) == 70


async def test_what_a_person_did_in_its_place_counts_and_does_not_mislead_it(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n", "b.txt": b"x\n", "c.txt": b"x\n"})
    survey = Survey(tmp_path)
    listing = ToolCall("1", "list_files", '{"path": ".", "recursive": true}')
    prompt = 'Survey it.\n{"path": "source/a.txt", "pace": 0}'
    work = ToolCall("2", "assign_task", json.dumps({"agent": "surveyor", "prompt": prompt, "title": "mine"}))
    lost = ToolCall("3", "assign_task", json.dumps({"agent": "surveyor", "prompt": 'x\n{"path": "source/b.txt"}'}))
    survey.thread.append(Entry(role="assistant", calls=(listing, work, lost), by="pat"))
    survey.thread += [await survey.call(listing), await survey.call(work)]
    survey.thread.append(Entry(role="tool", call_id="3", name="assign_task", fate="not_started"))
    survey.thread.append(Entry(role="user", content="Go on.", kind="hand_back"))
    assert "Surveyed 3 files" in await survey.run()
    assert survey.assigned == ["mine", "source/b.txt", "source/c.txt"]


async def test_an_empty_folder_and_one_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    survey = Survey(tmp_path)
    assert "Surveyed 0 files" in await survey.run()
    assert "There was nothing to survey" in survey.written("survey.md")
    survey.task = 'x\n{"folder": "source/none"}'
    survey.thread = [Entry(role="user", content=survey.task, kind="task")]
    assert "could not be listed: There is no folder source/none" in await survey.run()


async def test_a_conductor_that_may_make_no_sub_agents_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)

    async def denied(call: ToolCall) -> Entry:
        if call.name != "create_subagent":
            return await Survey.call(survey, call)
        return Entry(role="tool", call_id=call.id, name=call.name, content="No.", fate="denied")

    monkeypatch.setattr(survey, "call", denied)
    assert await survey.run() == "No sub-agents can be made here: No."


RECORD = """Ada Lovelace took over your work and now hands it back to you. This is what happened meanwhile.

Ada Lovelace acted in your place (the turns and calls stand above as ordinary ones):
- called read_file with {"path": "source/a.txt"}

No file in your workspace changed.{note}

Go on from here. Do not repeat what is done already."""


def measured(*later: Entry, fate: str = "done") -> tuple[str, list[Entry]]:
    """A worker's task, and its thread up to the end of its first turn, then what came later."""
    prompt = 'Survey it.\n{"path": "source/a.txt", "pace": 0}'
    call = ToolCall("m", "measure_file", '{"path": "source/a.txt"}')
    thread = [
        Entry(role="user", content=prompt, kind="task"), Entry(role="assistant", calls=(call,)),
        Entry(role="tool", call_id="m", name="measure_file", fate=fate),
    ]  # fmt: skip
    return prompt, [*thread, *later]


async def test_a_worker_asks_again_for_what_never_ran(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    said = await Survey(tmp_path).drive("survey_worker", *measured(fate="unknown"))
    assert "1 line (2 bytes)" in said


async def test_a_question_gets_a_reply_once_and_leaves_the_result_clean(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)
    question = Entry(role="user", content="How far are you? @surveyor-004", kind="steer", by="ada")
    prompt, thread = measured(question, fate="unknown")
    said = await survey.drive("survey_worker", prompt, thread)
    replies = [entry for entry in thread if entry.role == "assistant" and REPLY in entry.content]
    assert len(replies) == 1
    assert thread.index(replies[0]) == 4, "in the turn that follows the question"
    assert "How far" not in said
    assert REPLY not in said
    assert json.loads(said.splitlines()[-1])["people"] == []


async def test_a_question_to_who_is_done_gets_its_reply_in_a_turn_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)
    prompt, thread = measured(fate="unknown")
    first = await survey.drive("survey_worker", prompt, thread)
    thread += [
        Entry(role="assistant", content=first),
        Entry(role="user", content="Is that all?", kind="steer", by="ada"),
    ]
    assert await survey.drive("survey_worker", prompt, thread) == first
    assert [entry.content for entry in thread if entry.role == "assistant"][-1] == REPLY


async def test_the_words_of_another_sub_agent_get_no_reply(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)
    prompt, thread = measured(Entry(role="user", content="g-7 ended.", kind="steer", by="g-7"), fate="unknown")
    await survey.drive("survey_worker", prompt, thread)
    assert not [entry for entry in thread if REPLY in entry.content]


async def test_a_conductor_replies_too_and_its_report_is_the_same(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)
    survey.thread.append(Entry(role="user", content="How far are you?", kind="steer", by="ada"))
    assert "Surveyed 1 file;" in await survey.run(restart=True)
    assert sum(REPLY in entry.content for entry in survey.thread if entry.role == "assistant") == 1
    assert "How far" not in survey.written("survey.md")


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("", "Ada Lovelace"),
        ("\n\nAda Lovelace's note to you:\nMind the | gap.", "Ada Lovelace, who notes: Mind the | gap."),
    ],
)
async def test_who_worked_on_it_is_named_and_the_record_is_left_where_it_is(
    tmp_path: Path, note: str, told: str
) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    record = Entry(role="user", content=RECORD.replace("{note}", note), kind="hand_back", by="ada")
    said = await Survey(tmp_path).drive("survey_worker", *measured(record, record, fate="unknown"))
    words, measures = said.rsplit("\n", 1)
    assert words.endswith(f"(A person worked on this: {told})")
    assert json.loads(measures)["people"] == [told]
    assert "took over" not in said
    row = _first_words(words, json.loads(measures))
    assert row.count("A person worked on this") == 1


async def test_a_long_note_is_cut_behind_a_word(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    note = "\n\nAda Lovelace's note to you:\n" + "whole words " * 60
    record = Entry(role="user", content=RECORD.replace("{note}", note), kind="hand_back", by="ada")
    said = await Survey(tmp_path).drive("survey_worker", *measured(record, fate="unknown"))
    (told,) = json.loads(said.splitlines()[-1])["people"]
    assert len(told) <= 200
    assert told.endswith((" whole…", " words…"))


async def test_with_a_pace_words_stream(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"x\n"})
    survey = Survey(tmp_path)
    prompt = 'Survey it.\n{"path": "source/a.txt", "pace": 50}'
    began = time.monotonic()
    await survey.drive("survey_worker", prompt, [Entry(role="user", content=prompt, kind="task")])
    assert len(survey.heard) > 15
    assert time.monotonic() - began > len(survey.heard) / 50 * 0.8
    assert "".join(survey.heard).startswith("I survey source/a.txt: first I measure it")
