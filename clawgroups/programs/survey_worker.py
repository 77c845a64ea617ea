"""Surveys one file: measures and reads it with the real tools, then says in plain words what it is.

Derived from the thread alone, so that it goes on sensibly when it is started again in the middle.
"""

from __future__ import annotations

import json
from typing import Any

from clawgroups.programs.cells import counted, shortened
from clawgroups.programs.stdio import Conversation, call_tools, end, is_open, ok, pace_of, serve, settings_of, speak
from clawgroups.programs.survey_report import parse_measures

READ_LINES = 120
TRIES = 3


def main() -> None:
    """Serves one sub-agent."""
    serve(_turn)


def _turn(conversation: Conversation) -> bool:
    """Takes one turn; True when the task has ended."""
    settings = settings_of(conversation.task)
    path, pace = str(settings.get("path", "")), pace_of(settings)
    if not path:
        return end(conversation, "I was given no file to survey; the task's last line must be JSON with a path.")
    measured = _last(conversation, "measure_file", path)
    read = _last(conversation, "read_file", path)
    calls: list[tuple[str, dict[str, Any]]] = []
    if measured is None:
        calls.append(("measure_file", {"path": path}))
    if read is None:
        calls.append(("read_file", {"path": path, "limit": READ_LINES}))
    if calls:
        text = f"I survey {path}: first I measure it and read its beginning, then I describe what it is for."
        return call_tools(conversation, text, calls, pace)
    assert measured is not None
    assert read is not None
    text, measures = describe(path, measured, read, conversation)
    if not conversation.waits_for_reply():
        speak(text, pace)
    return end(conversation, f"{text}\n{json.dumps(measures, ensure_ascii=False)}")


def _last(conversation: Conversation, tool: str, path: str) -> dict[str, Any] | None:
    """The result that counts; None where the tool is still to be called (both tools are safe to repeat)."""
    found = [result for arguments, result in conversation.results(tool) if arguments.get("path") == path]
    certain = [result for result in found if not is_open(result)]
    if certain:
        return certain[-1]
    return found[-1] if len(found) >= TRIES else None


def describe(
    path: str, measured: dict[str, Any], read: dict[str, Any], conversation: Conversation
) -> tuple[str, dict[str, Any]]:
    """A few sentences and the measures. A failed tool is named, never glossed over."""
    if not ok(measured):
        reason = measured.get("content") or f"the call ended as {measured.get('fate')}"
        return f"{path} could not be measured: {reason}", {"path": path, "problem": reason}
    measures = parse_measures(str(measured.get("content", "")))
    if measures is None:
        note = shortened(str(measured.get("content", "")), 300)
        return f"{path}: measure_file answered what is no measure: {note}", {"path": path, "note": note}
    sentences = [_what(measures), _purpose(measures, read), _defines(measures), _notable(measures)]
    people = _people(conversation)
    if people:
        measures["people"] = people
        sentences.append(f"(A person worked on this: {'; '.join(people)})")
    return " ".join(sentence for sentence in sentences if sentence), measures


def _people(conversation: Conversation) -> list[str]:
    """Everybody once who worked in its place, with their last note: what they did stands in the thread, not here."""
    notes: dict[str, str] = {}
    for name, note in conversation.people_at_work():
        notes[name] = note or notes.get(name, "")
    return [shortened(f"{name}, who notes: {note}" if note else name, 200) for name, note in notes.items()]


def _what(measures: dict[str, Any]) -> str:
    language = measures["language"]
    kind = f"a {language} file" if language != "Other" else "a file of no language I know"
    return f"{measures['path']} is {kind} of {counted(measures['lines'], 'line')} ({measures['bytes']:,} bytes)."


def _purpose(measures: dict[str, Any], read: dict[str, Any]) -> str:
    if measures.get("doc"):
        return f"It says of itself: {_sentence(measures['doc'])}"
    if measures["headings"]:
        return f"Its title is {measures['headings'][0]['text']!r}."
    if not ok(read):
        return ""
    for line in str(read.get("content", "")).splitlines()[:15]:
        text = line.strip()
        if text.startswith(("#", "//", "--", "/*", "*")) and not text.startswith("#!"):
            words = text.strip("#/*- ").strip()
            if len(words) > 12:
                return f"It begins with the comment: {_sentence(words)}"
    return ""


def _sentence(text: str) -> str:
    flat = " ".join(text.split())
    return flat if flat.endswith((".", "!", "?")) else f"{flat}."


def _defines(measures: dict[str, Any]) -> str:
    parts = []
    for what, one in (("classes", "class"), ("functions", "function")):
        names, count = measures.get(what, []), measures.get(f"{one}_count", 0)
        if count:
            shown = ", ".join(dict.fromkeys(names[:6]))
            parts.append(f"{count} {one if count == 1 else what} ({shown}{', ...' if count > 6 else ''})")
    return f"It defines {' and '.join(parts)}." if parts else ""


def _notable(measures: dict[str, Any]) -> str:
    parts = []
    if measures["marks"]:
        first = measures["marks"][0]
        parts.append(f"{len(measures['marks'])} open marks, the first on line {first['line']}")
    if measures["longest_line"]["length"] > 120:
        longest = measures["longest_line"]
        parts.append(f"a line of {longest['length']} characters (line {longest['line']})")
    if measures.get("problem"):
        parts.append(f"it {measures['problem']}")
    return f"Worth a look: {'; '.join(parts)}." if parts else ""


if __name__ == "__main__":
    main()
