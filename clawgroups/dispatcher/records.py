"""The words that an agent is told about what people did at its wheel, at a hand-back or when it goes on otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from clawgroups.group.briefing import GO_ON, interrupted_call
from clawgroups.group.state import Fate
from clawgroups.group.thread import Entry

DIFF_CHARS = 12_000
LOST = (Fate.UNKNOWN, Fate.NOT_STARTED)


class Meanwhile(Struct, frozen=True):
    """What happened since a person took the wheel. ``people``: id to name; ``files``: None for unknown."""

    people: Mapping[str, str]
    entries: Sequence[Entry]
    files: Sequence[dict[str, Any]] | None
    diff: str


def hand_back_record(person: str, note: str, meanwhile: Meanwhile) -> str:
    """What is told when ``person`` gives the wheel back."""
    lines = [f"{person} took over your work and now hands it back to you. This is what happened meanwhile."]
    lines += _told(person, meanwhile)
    if note.strip():
        lines += ["", f"{person}'s note to you:", note.strip()]
    return "\n".join([*lines, "", GO_ON])


def lapse_record(person: str, resumed_by: str, meanwhile: Meanwhile) -> str:
    """What is told when ``person`` has lost the wheel to a pause and somebody lets the agent go on."""
    lines = [
        f"{person} took over your work and went away without handing it back; you stood still until {resumed_by} let "
        "you go on. This is what happened meanwhile."
    ]
    return "\n".join([*lines, *_told(person, meanwhile), "", GO_ON])


def person_record(person: str, meanwhile: Meanwhile) -> str:
    """The part of a reassignment's record that tells what ``person`` did."""
    return "\n".join(_told(person, meanwhile)).strip()


def _told(person: str, meanwhile: Meanwhile) -> list[str]:
    return [
        *_interrupted(meanwhile),
        *_done(person, meanwhile),
        *_files(meanwhile.files, meanwhile.diff),
    ]


def _interrupted(meanwhile: Meanwhile) -> list[str]:
    lines = []
    if any(entry.unfinished for entry in meanwhile.entries):
        lines.append("Your last turn was interrupted; its text so far is kept above, marked as unfinished.")
    by_people = {
        call.id: entry.by for entry in meanwhile.entries if entry.by in meanwhile.people for call in entry.calls
    }
    for entry in meanwhile.entries:
        if entry.role == "tool" and entry.fate in LOST:
            person = meanwhile.people.get(by_people.get(entry.call_id, ""))
            whose = f"{person}'s" if person else "Your"
            lines.append(interrupted_call(whose, entry.name, entry.call_id, Fate(entry.fate)))
    return ["", *lines] if lines else []


def _done(person: str, meanwhile: Meanwhile) -> list[str]:
    """Each person's turns and calls under their name, in the order in which they came to the wheel."""
    fates = {entry.call_id: entry.fate for entry in meanwhile.entries if entry.role == "tool"}
    done: dict[str, list[str]] = {}
    for entry in meanwhile.entries:
        if entry.role != "assistant" or entry.unfinished or entry.by not in meanwhile.people:
            continue
        lines = done.setdefault(entry.by, [])
        if entry.content.strip():
            lines.append(f"- wrote: {_short(entry.content)}")
        lines += [f"- called {call.name} with {_short(call.arguments)}{_end(fates, call.id)}" for call in entry.calls]
    if not done:
        return ["", f"{person} wrote no turn and called no tool."]
    told = []
    for who, lines in done.items():
        name = meanwhile.people[who]
        told += ["", f"{name} acted in your place (the turns and calls stand above as ordinary ones):", *lines]
    return told


def _end(fates: Mapping[str, str], call: str) -> str:
    fate = fates.get(call, "")
    return f" ({fate.replace('_', ' ')})" if fate not in ("", Fate.DONE) else ""


def _files(files: Sequence[dict[str, Any]] | None, diff: str) -> list[str]:
    if files is None:
        return ["", "Which files changed in your workspace could not be read. Look before you rely on one."]
    changed = [file for file in files if file.get("status") not in ("same", None)]
    if not changed:
        return ["", "No file in your workspace changed."]
    lines = ["", "Files that changed in your workspace since then:"]
    lines += [f"- {file['path']} ({file['status']})" for file in changed[:50]]
    if len(changed) > 50:
        lines.append(f"- and {len(changed) - 50} more")
    if diff.strip():
        cut = diff if len(diff) <= DIFF_CHARS else diff[:DIFF_CHARS] + "\n(the rest of the diff is left out)"
        lines += ["", "```diff", cut.rstrip(), "```"]
    return lines


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else flat[:297] + "..."
