"""What the outgoing webhook says: one message in Slack's shape, which Mattermost and others understand too.

What agents wrote is hostile: it may neither ping a channel nor make a link, in Slack's markup, in Markdown, or by an
address that a chat makes a link of by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_TITLE, MOST_DETAIL, MOST_NAME = 300, 500, 80  # characters
BREAK = "\N{ZERO WIDTH SPACE}"
ALWAYS = "\N{HORIZONTAL ELLIPSIS}"

_ADDRESS = re.compile(r":(?=//)|www\d{0,3}(?=\.)|\b(?:mailto|tel):", re.IGNORECASE)
"""Where what chats make a link of by themselves begins."""

KINDS = {
    "approval": "Approval",
    "question": "Question",
    "review": "Review",
    "stall": "Stuck",
    "budget": "Limit",
    "unknown_fate": "Unclear",
    "task": "A person's task",
    "group_finished": "Finished",
    "group_failed": "Failed",
}
DEFAULT = ("approval", "question", "stall", "budget", "unknown_fate", "group_failed")


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell. ``request`` is empty for the end of a group."""

    kind: str
    group: str
    group_name: str
    agent: str = ""
    agent_name: str = ""
    request: str = ""
    title: str = ""
    detail: str = ""


def plain(words: str, most: int) -> str:
    """Words of others as one line that means nothing but itself, at most so long before it is escaped."""
    seen = "".join(
        " " if unicodedata.category(letter).startswith("Z") else letter for letter in words.replace("\t", " ")
    )
    seen = " ".join("".join(" " if letter in "\r\n" else letter for letter in seen if _is_shown(letter)).split())
    if len(seen) > most:
        seen = seen[: most - 1] + ALWAYS
    seen = seen.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    seen = seen.replace("@", f"@{BREAK}").replace("](", f"]{BREAK}(")
    return _ADDRESS.sub(rf"\g<0>{BREAK}", seen)


def _is_shown(letter: str) -> bool:
    """Control characters, and those that turn the direction of writing, are left out."""
    return letter in "\r\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co")


def message(notes: Sequence[Note], base: str) -> dict[str, Any]:
    """The body to post. ``base``: where people open this server; empty: no links."""
    lines = [_line(note, base) for note in notes]
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": line, "verbatim": True}} for line in lines]
    return {"text": "\n".join(lines), "blocks": blocks}


def test_message(by: str) -> dict[str, Any]:
    """What the test button sends."""
    line = f"A test from Claw Groups, asked for by {plain(by, MOST_NAME)}. If you can read this, the webhook works."
    return {"text": line, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": line, "verbatim": True}}]}


def _line(note: Note, base: str) -> str:
    name = plain(note.group_name, MOST_NAME)
    if not note.request:
        what = "has finished." if note.kind == "group_finished" else "has ended: its conductor failed."
        return f"*{KINDS[note.kind]}* \N{MIDDLE DOT} {name} {what}{_link(f'{base}/groups/{note.group}', base)}"
    who = plain(note.agent_name, MOST_NAME)
    said = plain(note.title, MOST_TITLE)
    begin = f"*{KINDS[note.kind]}* \N{MIDDLE DOT} {name} \N{MIDDLE DOT} {who}: {said}"
    detail = f" \N{EM DASH} {plain(note.detail, MOST_DETAIL)}" if note.kind == "question" and note.detail else ""
    return f"{begin}{detail}{_link(f'{base}/groups/{note.group}?agent={note.agent}', base)}"


def _link(address: str, base: str) -> str:
    return f" <{address}|Open>" if base else ""
