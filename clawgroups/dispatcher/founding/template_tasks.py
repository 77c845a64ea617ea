"""The conductor's task for each template, in words for a model and as JSON for a program. Pure text.

Its last line always holds the template's settings, so that a group can be made into a template again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clawgroups.dispatcher.founding.changes import Change
from clawgroups.dispatcher.founding.plans import PACE, NewGroup, tasks_of
from clawgroups.group.briefing import prompt_with_rules

SETTINGS = "Settings of the template: "
CONCERNS = ("correctness", "security", "tests", "clarity and upkeep")
SIDES = (
    "what speaks for it; what speaks against it; what the sources in the folder say; what could go wrong; what it "
    "costs; who is affected; how others have solved it; what is not known; what a sceptic would ask; what the simplest "
    "answer is; what holds in the long run; what the numbers say"
)


def survey_task(goal: str, plan: NewGroup, worker: str, *, for_model: bool) -> str:
    """Of a survey. A program reads the settings from the last line; a model reads the words."""
    pace = PACE if plan.pace is None else plan.pace
    title = Path(plan.folder).name if plan.folder else ""
    line = {"folder": "source", "title": title, "limit": plan.limit, "worker": worker, "pace": pace}
    if not for_model:
        return _ended(goal, plan, line, program=True)
    text = f"""{goal}

The folder is at source/ in your workspace; you can only read it. Work in these steps:
1. Call list_files with path "source" and recursive true. Leave out binary and generated files. Take at most
   {plan.limit} files.
2. Call create_subagent once, with name "surveyor" and a system prompt that says: use measure_file and read_file on
   the one file you are given, then answer with two or three sentences on what the file is for and what it defines,
   and last the JSON object that measure_file returned, on a line of its own.
3. Call assign_task once for each file, many calls in one turn so that they run in parallel: agent "surveyor",
   prompt naming the file, title the file's path.
4. When all have answered, write survey.md with write_file: totals by language, the largest files, the longest
   lines, TODO marks with file and line, and a table of all files with one sentence each. Name the files that could
   not be surveyed and why.
5. Answer with a short summary and where the report is."""
    return _ended(text, plan, line, program=False)


def list_task(goal: str, plan: NewGroup, worker: str, *, for_model: bool) -> str:
    """Of a list."""
    line = {"lines": tasks_of(plan.lines), "worker": worker, "goal": plan.goal}
    if not for_model:
        return _ended(goal, plan, line, program=True)
    words = "the entry's words, after those in goal" if plan.goal else "the entry's words"
    text = f"""{goal}

Each entry of "lines" at the end is one task. Work in these steps:
1. Call create_subagent once, with name "task" and a system prompt that says: do the one task you are given, and answer
   with its result.
2. Call assign_task once for each entry, all in one turn so that they run in parallel: agent "task", prompt
   {words}, member {worker!r}, title its number, a full stop and its first words.
3. When all have ended, write list.md with write_file: a table of all tasks with number, task, whether it is done, and
   the result. Name those that could not be done and why.
4. Answer with how many are done, which are not, and where the report is."""
    return _ended(text, plan, line, program=False)


def review_task(goal: str, plan: NewGroup, change: Change) -> str:
    """Of a review: the change itself stands in it."""
    by_file = plan.by == "file"
    each = "changed file that people wrote" if by_file else f"of these concerns: {', '.join(CONCERNS)}"
    title = "the file's path" if by_file else "the concern"
    parts = "that file's part of the diff" if by_file else "the parts of the diff that matter to it"
    text = f"""{goal}

{change.words()}

The repository is at source/ in your workspace; you can only read it{_state(change)}. Work in these steps:
1. Read the change below, and say in two sentences what it is for.
2. Call create_subagent once, with name "reviewer" and a system prompt that says: look for what is wrong in the part you
   are given, read the code around it with read_file before you claim anything, and answer with a list of findings; each
   has a gravity (blocker, major, minor), file and line, what is wrong, when it goes wrong, and how to mend it. If there
   is nothing, say so; do not praise, and do not guess.
3. Call assign_task once for each {each}, all in one turn so that they run in parallel: agent
   "reviewer", title {title}, prompt {title}, what the whole change is for, and {parts}, word for word.
4. When all have answered, check each finding at its place, drop what does not hold, and join those that are the same.
5. Write review.md with write_file: a summary, then the findings ordered by gravity, the gravest first, each with file
   and line; last what was not looked at and why.
6. Answer with the number of findings of each gravity, the gravest in a sentence each, and where the report is.

{change.diff}"""
    return _ended(text, plan, {"base": plan.base, "head": plan.head, "by": plan.by}, program=False)


def _state(change: Change) -> str:
    return "" if not change.head else f". It may be at another commit than {change.head_words} now: trust the diff"


def swarm_task(question: str, plan: NewGroup) -> str:
    """Of a question that several look at."""
    place = "The folder is at source/ in your workspace; it can only be read.\n" if plan.folder else ""
    text = f"""Answer this question:

{question}

{place}Work in these steps:
1. Choose {plan.sides} sides from which the question looks different. Such sides are: {SIDES}. Take those that fit.
2. Call create_subagent once, with name "side" and a system prompt that says: answer from the one side you are given,
   as strongly as the facts allow; name the source of every claim (a file with its line, a page, or your own knowledge),
   and say what you are not sure of.
3. Call assign_task {plan.sides} times, all in one turn so that they run in parallel: agent "side", title the side,
   prompt the question, the side, and what it is to look at.
4. Compare the answers. Where they contradict each other, find out who is right: read the source, or give one of them
   the other's claim to check.
5. Write sources.md with write_file: what each side said, in its own words, with its sources. Then write answer.md: one
   answer, what it rests on with a reference to sources.md, where the sides did not agree and why you decided as you
   did, and what stays open.
6. Answer with the answer itself in a few sentences, and where the rest is."""
    return _ended(text, plan, {"sides": plan.sides}, program=False)


def goal_task(goal: str) -> str:
    """A goal of one's own is given as it is."""
    return goal


def _ended(text: str, plan: NewGroup, settings: dict[str, Any], *, program: bool) -> str:
    if not plan.goal:
        settings["goal"] = ""  # the group has a goal that was made for it, and a template of it should not
    line = json.dumps(settings, ensure_ascii=False)
    return f"{text}\n{line}" if program else f"{text}\n\n{SETTINGS}{line}"


def settings_in(task: str) -> dict[str, Any]:
    """The settings that a conductor's task was made from; empty where it holds none."""
    last = task.rstrip().rsplit("\n", 1)[-1].removeprefix(SETTINGS)
    try:
        found = json.loads(last)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


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
