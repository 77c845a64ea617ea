"""Conducts a list: gives each line to a sub-agent as its task, and writes down what came of each.

A program, not a model. How many are at work at once is the group's own limit, so all lines are handed out in one turn.
Everything is derived from the thread, so that it goes on where it was when it is started again, also behind steps that
a person took in its place.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from clawgroups.programs.cells import shortened
from clawgroups.programs.list_report import Row, as_csv, as_json, markdown
from clawgroups.programs.stdio import Conversation, call_tools, end, ok, serve, settings_of

TRIES = 3
AT_ONCE = 300  # assignments in one turn
REPORT = "list.md"
ROLE = "task"
PROMPT = "You do one task of a list. Do only this one. Answer with its result, in a few sentences; no preamble."
TITLE = 100
LONGEST = 8_000  # characters of an answer that go into the report; a message of the protocol has its own bound
_NUMBER = re.compile(r"^(\d+)\. ")


def main() -> None:
    """Serves one sub-agent."""
    serve(_turn)


def _turn(conversation: Conversation) -> bool:
    """Takes one turn; True when the task has ended."""
    settings = settings_of(conversation.task)
    lines = [line for line in settings.get("lines", ()) if isinstance(line, str) and line.strip()]
    if not lines:
        return end(conversation, "I was given no list; the task's last line must be JSON with lines.")
    made = [result for arguments, result in conversation.results("create_subagent") if arguments.get("name") == ROLE]
    if not any(ok(result) for result in made):
        if len(made) >= TRIES:
            return end(conversation, f"No sub-agents can be made here: {made[-1].get('content')}")
        text = f"The list has {_tasks(len(lines))}. I make a kind of sub-agent for them."
        return call_tools(conversation, text, [("create_subagent", {"name": ROLE, "system_prompt": PROMPT})])
    answers = _answers(conversation)
    missing = [number for number in range(1, len(lines) + 1) if number not in answers]
    if missing:
        return _assign(conversation, lines, missing, settings)
    return _report(conversation, lines, answers)


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def title_of(number: int, line: str) -> str:
    """What people see on the wall, and by which the answer finds its line again."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in line).split())
    return f"{number}. {flat}"[:TITLE]


def _assign(conversation: Conversation, lines: list[str], missing: list[int], settings: dict[str, Any]) -> bool:
    common = str(settings.get("goal") or "").strip()
    calls = []
    for number in missing[:AT_ONCE]:
        line = lines[number - 1]
        prompt = f"{common}\n\n{line}" if common else line
        arguments = {"agent": ROLE, "prompt": prompt, "title": title_of(number, line)}
        if settings.get("worker"):
            arguments["member"] = str(settings["worker"])
        calls.append(("assign_task", arguments))
    done = len(lines) - len(missing)
    text = f"{done} of {_tasks(len(lines))} have ended. I hand out the next {len(calls)}, one sub-agent each."
    return call_tools(conversation, text, calls)


def _answers(conversation: Conversation) -> dict[int, dict[str, Any]]:
    """The last result for each line, from assignments of this program or of a person in its place."""
    found: dict[int, dict[str, Any]] = {}
    tries: Counter[int] = Counter()
    for arguments, result in conversation.results("assign_task"):
        numbered = _NUMBER.match(str(arguments.get("title") or ""))
        if numbered is None:
            continue  # a person's own, and no line of the list
        number = int(numbered[1])
        tries[number] += 1
        if result.get("fate") != "not_started" or tries[number] >= TRIES:
            found[number] = result
    return found


def _report(conversation: Conversation, lines: list[str], answers: dict[int, dict[str, Any]]) -> bool:
    rows = []
    for number, line in enumerate(lines, 1):
        result = answers[number]
        words = str(result.get("content") or "").strip()
        done = ok(result)
        rows.append(Row(number, line, done, shortened(words or _nothing(result, done), LONGEST)))
    written = {args.get("path"): result for args, result in conversation.results("write_file")}
    contents = {REPORT: markdown(rows), "list.json": as_json(rows), "list.csv": as_csv(rows)}
    calls = [("write_file", {"path": path, "content": text}) for path, text in contents.items() if path not in written]
    if calls:
        return call_tools(conversation, "All tasks have ended. I write the report.", calls)
    bad = [str(path) for path, result in written.items() if path in contents and not ok(result)]
    failed = [row for row in rows if not row.done]
    text = f"{len(rows) - len(failed)} of {_tasks(len(rows))} are done. The report is {REPORT} in the workspace."
    if failed:
        text += " Not done: " + "; ".join(title_of(row.number, row.task) for row in failed[:20])
        text += f"; and {len(failed) - 20} more." if len(failed) > 20 else "."
    return end(conversation, text + (f" Not written: {', '.join(bad)}." if bad else ""))


def _nothing(result: dict[str, Any], done: bool) -> str:
    return "It gave no words." if done else f"It ended as {result.get('fate')}."


if __name__ == "__main__":
    main()
