"""Conducts a survey: lists the folder, gives each file to a sub-agent, and writes the report from their answers.

A program, not a model. Everything is derived from the thread, so that it goes on where it was when it is started
again, also behind steps that a person took in its place.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from clawgroups.programs.cells import counted
from clawgroups.programs.stdio import Conversation, call_tools, end, is_open, ok, serve, settings_of
from clawgroups.programs.survey_report import Measures, as_csv, as_json, markdown, parse_answer

MOST_FILES = 300
TRIES = 3
AT_ONCE = 300  # assignments in one turn: a sub-agent that a person holds must not keep the others waiting
REPORT = "survey.md"
ROLE = "surveyor"
PROMPT = (
    "You survey one file for a report. Use measure_file and read_file on it; then describe in two or three "
    "sentences what it is for and what it defines. End with the JSON object that measure_file returned."
)
BINARY = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".ico",
        ".bmp",
        ".pdf",
        ".zip",
        ".gz",
        ".xz",
        ".bz2",
        ".tar",
        ".whl",
        ".so",
        ".dylib",
        ".dll",
        ".exe",
        ".bin",
        ".pyc",
        ".o",
        ".a",
        ".class",
        ".jar",
        ".woff",
        ".woff2",
        ".ttf",
        ".otf",
        ".mp3",
        ".mp4",
        ".mov",
        ".wav",
        ".db",
        ".sqlite",
        ".lock",
        ".safetensors",
        ".pt",
        ".npy",
        ".parquet",
    ]
)
_MORE = re.compile(r"^\((\d+) more entries;")


def main() -> None:
    """Serves one sub-agent."""
    serve(_turn)


def _turn(conversation: Conversation) -> bool:
    """Takes one turn; True when the task has ended."""
    settings = settings_of(conversation.task)
    folder = str(settings.get("folder", "source"))
    listing = _listing(conversation, folder)
    if listing is None:
        arguments = {"path": folder, "recursive": True}
        return call_tools(conversation, f"I list {folder} to see what there is to survey.", [("list_files", arguments)])
    if not ok(listing):
        return end(conversation, f"The folder could not be listed: {listing.get('content')}")
    files, left_out = chosen(str(listing["content"]), _limit(settings))
    made = [result for arguments, result in conversation.results("create_subagent") if arguments.get("name") == ROLE]
    if files and not any(ok(result) for result in made):
        if len(made) >= TRIES:
            return end(conversation, f"No sub-agents can be made here: {made[-1].get('content')}")
        arguments = {"name": ROLE, "system_prompt": PROMPT}
        text = f"{len(files)} files are worth a look. I make a kind of sub-agent for them."
        return call_tools(conversation, text, [("create_subagent", arguments)])
    answers = _answers(conversation)
    missing = [path for path in files if path not in answers]
    if missing:
        return _assign(conversation, missing, settings, done=len(files) - len(missing), total=len(files))
    return _report(conversation, str(settings.get("title") or folder), files, answers, left_out)


def _listing(conversation: Conversation, folder: str) -> dict[str, Any] | None:
    """The first listing of the whole folder: what a person lists in between does not change the plan."""
    found = [
        result
        for arguments, result in conversation.results("list_files")
        if arguments.get("path") == folder and arguments.get("recursive") and not arguments.get("pattern")
    ]
    certain = [result for result in found if not is_open(result)]
    if certain:
        return certain[0]
    return found[-1] if len(found) >= TRIES else None


def _limit(settings: dict[str, Any]) -> int:
    limit = settings.get("limit", MOST_FILES)
    return limit if isinstance(limit, int) and limit > 0 else MOST_FILES


def chosen(listing: str, limit: int) -> tuple[list[str], int]:
    """(paths to survey, how many were left out) from list_files' lines ``bytes<TAB>path``."""
    paths: list[str] = []
    left_out = 0
    for line in listing.splitlines():
        if more := _MORE.match(line):
            left_out += int(more.group(1))
        size, tab, shown = line.partition("\t")
        if not tab or not size.isdigit():
            continue
        path = _path(shown)
        if not path or PurePosixPath(path).suffix.lower() in BINARY or size == "0" or len(paths) >= limit:
            left_out += 1
        else:
            paths.append(path)
    return paths, left_out


def _path(shown: str) -> str:
    """A path out of a listing, where odd ones stand as JSON strings; empty for a name that is no UTF-8."""
    if not shown.startswith('"'):
        return shown
    try:
        path = json.loads(shown)
        path.encode()
    except (ValueError, AttributeError):
        return ""
    return str(path)


def _assign(conversation: Conversation, missing: list[str], settings: dict[str, Any], *, done: int, total: int) -> bool:
    calls = []
    for path in missing[:AT_ONCE]:
        line = json.dumps({"path": path, "pace": settings.get("pace", 12)}, ensure_ascii=False)
        arguments = {"agent": ROLE, "prompt": f"Survey the file {_flat(path)}.\n{line}", "title": _flat(path)}
        if settings.get("worker"):
            arguments["member"] = str(settings["worker"])
        calls.append(("assign_task", arguments))
    text = f"{done} of {total} files are done. I hand out the next {len(calls)}, one sub-agent each."
    return call_tools(conversation, text, calls)


def _flat(path: str) -> str:
    return "".join(c if c.isprintable() else " " for c in path)


def _answers(conversation: Conversation) -> dict[str, dict[str, Any]]:
    """The last result for each path, from assignments of this program or of a person in its place."""
    found: dict[str, dict[str, Any]] = {}
    tries: Counter[str] = Counter()
    for arguments, result in conversation.results("assign_task"):
        path = str(settings_of(str(arguments.get("prompt", ""))).get("path") or arguments.get("title") or "")
        tries[path] += 1
        if result.get("fate") != "not_started" or tries[path] >= TRIES:
            found[path] = result
    return found


def _report(
    conversation: Conversation, title: str, files: list[str], answers: dict[str, dict[str, Any]], left_out: int
) -> bool:
    rows: list[tuple[str, Measures]] = []
    failed: list[tuple[str, str]] = []
    for path in files:
        result = answers[path]
        words, measures = parse_answer(str(result.get("content", "")))
        if ok(result) and measures is not None and "lines" in measures:
            rows.append((words, measures | {"path": path}))
        elif ok(result):
            failed.append((path, (measures or {}).get("problem") or words))
        else:
            failed.append((path, words or f"ended as {result.get('fate')}"))
    written = {args.get("path"): result for args, result in conversation.results("write_file")}
    contents = {
        REPORT: markdown(title, rows, failed, left_out),
        "survey.json": as_json(title, rows, failed),
        "survey.csv": as_csv(rows),
    }
    calls = [("write_file", {"path": path, "content": text}) for path, text in contents.items() if path not in written]
    if calls:
        return call_tools(conversation, f"All {len(files)} answers are in. I write the report.", calls)
    bad = [str(path) for path, result in written.items() if not ok(result)]
    done = f"Surveyed {counted(len(rows), 'file')}; {len(failed)} could not be surveyed."
    text = f"{done} The report is {REPORT} in the workspace."
    return end(conversation, text + (f" Not written: {', '.join(bad)}." if bad else ""))


if __name__ == "__main__":
    main()
