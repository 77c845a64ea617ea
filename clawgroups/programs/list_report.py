"""What came of a list of tasks: a table in Markdown, and the same as JSON and CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
from typing import NamedTuple

from clawgroups.programs.cells import cell, plain, shortened

SHOWN = 600  # characters of an answer in the table; the whole stands in list.json


class Row(NamedTuple):
    """One line of the list. ``words``: its result, or why there is none."""

    number: int
    task: str
    done: bool
    words: str


def markdown(rows: list[Row]) -> str:
    """The report for people: failures first by name, then every task in the list's order."""
    failed = [row for row in rows if not row.done]
    parts = ["# The list", "", _summary(rows, failed)]
    if failed:
        parts += ["", "## Not done", "", "| # | task | why |", "| ---: | --- | --- |"]
        parts += [f"| {row.number} | {_short(row.task)} | {_short(row.words)} |" for row in failed]
    parts += ["", "## All tasks", "", "| # | task | state | result |", "| ---: | --- | --- | --- |"]
    parts += [
        f"| {row.number} | {_short(row.task)} | {'done' if row.done else 'not done'} | {_short(row.words)} |"
        for row in rows
    ]
    return "\n".join(parts) + "\n"


def _summary(rows: list[Row], failed: list[Row]) -> str:
    one = len(rows) == 1
    text = f"{len(rows) - len(failed)} of {len(rows)} {'task is' if one else 'tasks are'} done, each by a sub-agent."
    return text + (f" {len(failed)} could not be done; see below." if failed else "")


def _short(text: str) -> str:
    return cell(shortened(" ".join(text.split()), SHOWN))


def as_json(rows: list[Row]) -> str:
    """Everything, for programs."""
    listed = [{"number": row.number, "task": row.task, "done": row.done, "result": row.words} for row in rows]
    return json.dumps({"tasks": listed}, ensure_ascii=False, indent=1) + "\n"


def as_csv(rows: list[Row]) -> str:
    """One line a task."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["number", "task", "state", "result"])
    for row in rows:
        writer.writerow([row.number, plain(row.task), "done" if row.done else "not done", plain(row.words)])
    return out.getvalue()
