"""The survey's report: tables in Markdown, and the same as JSON and CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import Any

from clawgroups.programs.cells import cell, counted, plain, shortened

Measures = dict[str, Any]


def parse_answer(answer: str) -> tuple[str, Measures | None]:
    """A worker's message as (words, measures); None where its last line is no JSON object of measures."""
    words, _, last = answer.strip().rpartition("\n")
    measures = parse_measures(last)
    return (answer.strip(), None) if measures is None else (words.strip(), measures)


def parse_measures(text: str) -> Measures | None:
    """Measures as measure_file makes them. A worker may be a model: what it says is checked field by field."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("path"), str):
        return None
    if "lines" not in said:
        return {name: str(value) for name, value in said.items() if name in ("path", "problem", "note")}
    longest, marks = said.get("longest_line"), said.get("marks")
    measures: Measures = {"path": said["path"], "language": str(said.get("language", "Other"))}
    for name in ("bytes", "lines", "blank", "function_count", "class_count"):
        measures[name] = _count(said.get(name))
    measures["longest_line"] = {
        name: _count(longest.get(name)) if isinstance(longest, dict) else 0 for name in ("line", "length")
    }
    measures["marks"] = [
        {"line": _count(mark.get("line")), "mark": str(mark.get("mark", "")), "text": str(mark.get("text", ""))}
        for mark in (marks if isinstance(marks, list) else [])
        if isinstance(mark, dict)
    ]
    for name in ("functions", "classes", "imports", "people"):
        measures[name] = _words(said.get(name))
    headings = said.get("headings")
    measures["headings"] = [
        {"line": _count(h.get("line")), "level": _count(h.get("level")), "text": str(h.get("text", ""))}
        for h in (headings if isinstance(headings, list) else [])
        if isinstance(h, dict)
    ]
    return measures | {name: str(said[name]) for name in ("doc", "problem", "note") if said.get(name)}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _words(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def markdown(folder: str, rows: list[tuple[str, Measures]], failed: list[tuple[str, str]], left_out: int) -> str:
    """The whole report. ``rows``: (words, measures); ``failed``: (path, why)."""
    good = [(words, m) for words, m in rows if "lines" in m]
    parts = [f"# Survey of {cell(folder)}", "", _summary(good, failed, left_out), ""]
    if good:
        measures = [m for _, m in good]
        parts += _languages(measures) + _largest(measures) + _longest(measures) + _marks(measures) + _imports(measures)
        parts += _files(good)
    if failed:
        parts += ["", "## Not surveyed", "", "| file | why |", "| --- | --- |"]
        parts += [f"| {cell(path)} | {cell(why)} |" for path, why in failed]
    return "\n".join(parts) + "\n"


def _summary(good: list[tuple[str, Measures]], failed: list[tuple[str, str]], left_out: int) -> str:
    lines = sum(m["lines"] for _, m in good)
    were = "was" if len(good) == 1 else "were"
    text = (
        f"{counted(len(good), 'file')} with {counted(lines, 'line')} {were} surveyed, each by a sub-agent of its own."
    )
    if failed:
        text += f" {len(failed)} could not be surveyed; see the end."
    if left_out:
        text += (
            f" {left_out} more files were left out: they hold no text, were generated, or are too many for one survey."
        )
    return text if good or failed else "There was nothing to survey: the folder holds no text files."


def _languages(measures: list[Measures]) -> list[str]:
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for m in measures:
        files[m["language"]] += 1
        lines[m["language"]] += m["lines"]
    rows = [f"| {cell(name)} | {files[name]} | {count:,} |" for name, count in lines.most_common()]
    return ["## Languages", "", "| language | files | lines |", "| --- | ---: | ---: |", *rows]


def _largest(measures: list[Measures]) -> list[str]:
    top = sorted(measures, key=lambda m: -m["lines"])[:10]
    rows = [f"| {cell(m['path'])} | {m['lines']:,} | {m['bytes']:,} |" for m in top]
    return ["", "## Largest files", "", "| file | lines | bytes |", "| --- | ---: | ---: |", *rows]


def _longest(measures: list[Measures]) -> list[str]:
    top = sorted(measures, key=lambda m: -m["longest_line"]["length"])[:10]
    rows = [f"| {cell(m['path'])}:{m['longest_line']['line']} | {m['longest_line']['length']:,} |" for m in top]
    return ["", "## Longest lines", "", "| where | characters |", "| --- | ---: |", *rows]


def _marks(measures: list[Measures]) -> list[str]:
    found = [(m["path"], mark) for m in measures for mark in m["marks"]]
    if not found:
        return ["", "## Open marks", "", "No TODO, FIXME, XXX or HACK was found."]
    rows = [f"| {cell(p)}:{mark['line']} | {cell(mark['mark'])} | {cell(mark['text'])} |" for p, mark in found[:200]]
    return ["", "## Open marks", "", "| where | mark | text |", "| --- | --- | --- |", *rows]


def _imports(measures: list[Measures]) -> list[str]:
    used: Counter[str] = Counter(name.split(".")[0] or "." for m in measures for name in m.get("imports", []))
    if not used:
        return []
    rows = [f"| {cell(name)} | {count} |" for name, count in used.most_common(15)]
    return ["", "## Most imported", "", "| module | files |", "| --- | ---: |", *rows]


def _files(good: list[tuple[str, Measures]]) -> list[str]:
    rows = [
        f"| {cell(m['path'])} | {cell(m['language'])} | {m['lines']:,} | {m.get('function_count', 0)} | "
        f"{m.get('class_count', 0)} | {cell(_first_words(words, m))} |"
        for words, m in sorted(good, key=lambda row: row[1]["path"])
    ]
    head = ["", "## All files", "", "| file | language | lines | functions | classes | what it is |"]
    return [*head, "| --- | --- | ---: | ---: | ---: | --- |", *rows]


def _first_words(words: str, measures: Measures) -> str:
    rest = words.split(" bytes).", 1)[-1].strip() if " bytes)." in words else words
    people = measures.get("people")
    text = rest if not people or "erson worked on this" in rest else f"{rest} (A person worked on this: {people[0]})"
    return shortened(text, 400)


def as_json(folder: str, rows: list[tuple[str, Measures]], failed: list[tuple[str, str]]) -> str:
    """Everything measured, for programs."""
    body = {
        "folder": folder,
        "files": [{**m, "words": words} for words, m in rows],
        "failed": [{"path": path, "why": why} for path, why in failed],
    }
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def as_csv(rows: list[tuple[str, Measures]]) -> str:
    """One line a file. Cells that a spreadsheet would run as a formula are quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "language", "lines", "bytes", "functions", "classes", "marks", "longest_line"])
    for _, m in sorted(rows, key=lambda row: str(row[1]["path"])):
        if "lines" in m:
            writer.writerow([
                plain(m["path"]), plain(m["language"]), m["lines"], m["bytes"], m.get("function_count", 0),
                m.get("class_count", 0), len(m["marks"]), m["longest_line"]["length"],
            ])  # fmt: skip
    return out.getvalue()
