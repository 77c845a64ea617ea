"""How much is at stake with a request: one graded number for the inbox's order, and the words that say why.

Pure. The cost of waiting (``ui/static/rank.js``) multiplies it by who is blocked, for how long and at what spend.
"""

from __future__ import annotations

from typing import NamedTuple

from clawgroups.group.rules_lease import LAPSE
from clawgroups.group.state import RequestKind
from clawgroups.group.tools import GROUP_TOOL_NAMES, ToolSpec

READS, WRITES, TWICE, RUNS, OUTSIDE, UNKNOWN = 1.0, 0.5, 0.5, 1.5, 1.5, 1.5
BY_KIND = {
    RequestKind.REVIEW: (1.0, "a result waits for its review"),
    RequestKind.TASK: (1.0, "it is your own task"),
    RequestKind.QUESTION: (2.0, "needs your words"),
    RequestKind.STALL: (2.5, "something failed, or does not go on"),
    RequestKind.BUDGET: (3.0, "a limit is reached"),
}


class Risk(NamedTuple):
    """``weight``: 1 for what only reads, up to 5 and more. ``words``: what makes it so, the gravest first."""

    weight: float
    words: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For the API."""
        return {"weight": self.weight, "words": ", ".join(self.words)}


def risk_of(kind: RequestKind, tool: str, spec: ToolSpec | None, *, safe: bool) -> Risk:
    """``spec``: what the tool says of itself, None where nobody here knows it. ``safe``: the call may be repeated."""
    if kind is RequestKind.STALL and tool == LAPSE:
        return Risk(2.5, ("a person went away from its wheel",))
    if kind in BY_KIND:
        weight, words = BY_KIND[kind]
        return Risk(weight, (words,))
    found = _of_call(tool, spec, safe=safe)
    if kind is RequestKind.UNKNOWN_FATE:
        return Risk(found.weight + 1.5, ("it may have taken effect already", *found.words))
    return found


def _of_call(tool: str, spec: ToolSpec | None, *, safe: bool) -> Risk:
    if spec is None and tool not in GROUP_TOOL_NAMES:
        return Risk(READS + UNKNOWN, ("nobody knows what it does",))
    runs = spec is not None and spec.runs
    parts = [
        (RUNS, "runs a command", runs),
        (OUTSIDE, "reaches outside", spec is not None and spec.outside),
        (WRITES, "changes files", spec is not None and spec.writes and not runs),
        (TWICE, "not safe to repeat", not safe),
    ]
    told = [(weight, words) for weight, words, holds in parts if holds]
    if not told:
        return Risk(READS, ("only reads",))
    return Risk(READS + sum(weight for weight, _ in told), tuple(words for _, words in told))
