"""Group templates: what a conductor is told to do. Pure text; the same template works for programs and models."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from clawgroups.group.briefing import prompt_with_rules
from clawgroups.group.members import Member, MemberKind, ProgramConfig

CONDUCTOR = "survey-conductor"
WORKER = "survey-worker"

BUNDLED_MEMBERS = (
    Member(
        id=CONDUCTOR,
        name="Survey conductor",
        kind=MemberKind.PROGRAM,
        description="A bundled program, not a model: lists a folder, hands out its files, writes the report.",
        skills=("survey", "plan"),
        program=ProgramConfig(command=("{python}", "-m", "clawgroups.programs.survey_conductor")),
        bundled=True,
    ),
    Member(
        id=WORKER,
        name="Survey worker",
        kind=MemberKind.PROGRAM,
        description="A bundled program, not a model: measures one file with the real tools and describes it.",
        skills=("survey", "measure"),
        program=ProgramConfig(command=("{python}", "-m", "clawgroups.programs.survey_worker")),
        bundled=True,
    ),
)


class Template(Struct, frozen=True):
    """A template for the new-group form. ``fields`` lists what it asks for."""

    id: str
    name: str
    description: str
    fields: tuple[str, ...]


TEMPLATES = {
    "survey": Template(
        id="survey",
        name="Survey a folder",
        description="Lists a folder, gives each text file, up to 300, to a sub-agent that measures and describes it "
        "with real tools, and writes a report with tables. The folder is only read.",
        fields=("folder", "limit", "pace", "conductor", "worker"),
    )
}


class SurveyTask(Struct, frozen=True):
    """Settings of a survey. ``pace``: words a second that a worker shows (0: as fast as it can)."""

    limit: int = 300
    worker: str = WORKER
    pace: int = 12


def survey_task(goal: str, settings: SurveyTask, *, for_model: bool) -> str:
    """The conductor's task. A program reads the settings from the last line; a model reads the words."""
    if not for_model:
        line: dict[str, Any] = {
            "folder": "source",
            "limit": settings.limit,
            "worker": settings.worker,
            "pace": settings.pace,
        }
        return f"{goal}\n{json.dumps(line)}"
    return f"""{goal}

The folder is at source/ in your workspace; you can only read it. Work in these steps:
1. Call list_files with path "source" and recursive true. Leave out binary and generated files. Take at most
   {settings.limit} files.
2. Call create_subagent once, with name "surveyor" and a system prompt that says: use measure_file and read_file on
   the one file you are given, then answer with two or three sentences on what the file is for and what it defines,
   and last the JSON object that measure_file returned, on a line of its own.
3. Call assign_task once for each file, many calls in one turn so that they run in parallel: agent "surveyor",
   prompt naming the file, title the file's path.
4. When all have answered, write survey.md with write_file: totals by language, the largest files, the longest
   lines, TODO marks with file and line, and a table of all files with one sentence each. Name the files that could
   not be surveyed and why.
5. Answer with a short summary and where the report is."""


def conductor_prompt(rules: str) -> str:
    """The system prompt of a model that conducts."""
    text = (
        "You conduct a group of sub-agents. Split the goal into independent tasks, create the kinds of sub-agents you "
        "need with create_subagent, and give them work with assign_task; calls in one turn run in parallel and each "
        "returns one message. Do yourself only what needs the whole. People watch and may take over at any moment; "
        "what they did is told to you. Ask them with ask_person when a decision is theirs. Answer without a tool call "
        "only when the goal is reached: that answer is the group's result."
    )
    return prompt_with_rules(text, rules)
