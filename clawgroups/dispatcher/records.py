"""The words that an agent is told at a hand-back or a reassignment: what happened while it stood still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clawgroups.group.thread import Entry

DIFF_CHARS = 12_000
FATES = {
    "unknown": "its outcome is unknown: look before you do it again",
    "not_started": "it was never started",
    "done": "it was done",
    "failed": "it failed",
    "denied": "it was denied",
}


def hand_back_record(
    *,
    person: str,
    note: str,
    entries: Sequence[Entry],
    files: Sequence[dict[str, Any]] | None,
    diff: str,
) -> str:
    """The hand-back record. ``entries``: the thread since the person took the wheel; ``files``: None for unknown."""
    lines = [f"{person} took over your work and now hands it back to you. This is what happened meanwhile."]
    lines += _interrupted(entries)
    lines += _done_by(person, entries)
    lines += _files(files, diff)
    if note.strip():
        lines += ["", f"{person}'s note to you:", note.strip()]
    lines += ["", "Go on from here. Do not repeat what is done already."]
    return "\n".join(lines)


def reassign_record(*, former: str, by: str, reason: str, entries: Sequence[Entry]) -> str:
    """What the new driver of a reassigned task is told."""
    lines = [f"{by} gave this task to you. {former} worked on it before; everything above is its work."]
    lines += _interrupted(entries)
    if reason.strip():
        lines += ["", f"The reason: {reason.strip()}"]
    lines += ["", "Go on from here."]
    return "\n".join(lines)


def _interrupted(entries: Sequence[Entry]) -> list[str]:
    lines = []
    if any(entry.unfinished for entry in entries):
        lines.append("Your last turn was interrupted; its text so far is kept above, marked as unfinished.")
    for entry in entries:
        if entry.role == "tool" and entry.fate in ("unknown", "not_started"):
            lines.append(f"Your call {entry.name} ({entry.call_id}) was interrupted: {FATES[entry.fate]}.")
    return ["", *lines] if lines else []


def _done_by(person: str, entries: Sequence[Entry]) -> list[str]:
    lines = []
    for entry in entries:
        if entry.role != "assistant" or entry.unfinished:
            continue
        if entry.content.strip():
            lines.append(f"- wrote: {_short(entry.content)}")
        lines += [f"- called {call.name} with {_short(call.arguments)}" for call in entry.calls]
    if not lines:
        return ["", f"{person} wrote no turn and called no tool."]
    return ["", f"{person} acted in your place (the turns and calls stand above as ordinary ones):", *lines]


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
