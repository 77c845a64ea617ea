"""Turns what a validator says about a field into a sentence for a person, with how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def problem_of(found: Mapping[str, Any], known: Sequence[str]) -> dict[str, str]:
    """{field, problem, mend} of one problem as pydantic reports it. ``known``: the body's fields."""
    where = [str(part) for part in found["loc"]]
    place, names = where[0] if where else "body", where[1:]
    kind, context = str(found["type"]), found.get("ctx") or {}
    if kind == "json_invalid":
        at = names[0] if names else "?"
        return _told("body", f"it is not JSON (at character {at}: {context.get('error', '')}).", "Send a JSON object.")
    if kind == "unstorable":
        return _told(str(context["at"]), f"{context['wrong']}.", "No database and no model could hold that: change it.")
    field = ".".join(names) or place
    if kind == "missing" and not names:
        return _told("body", "it is missing.", f"Send a JSON object with: {', '.join(known)}.")
    problem, mend = _words(kind, context, str(found["msg"]), known if len(names) == 1 else ())
    return _told(field if place == "body" else f"{field} ({place})", problem, mend)


def _told(field: str, problem: str, mend: str) -> dict[str, str]:
    return {"field": field, "problem": problem, "mend": mend}


def _words(kind: str, context: Mapping[str, Any], message: str, known: Sequence[str]) -> tuple[str, str]:
    if kind == "missing":
        return "it is missing.", "Add it."
    if kind == "extra_forbidden":
        fields = f" The fields are: {', '.join(known)}." if known else ""
        return "there is no such field.", f"Leave it out.{fields}"
    if kind == "reserved":
        return f"{message}.", str(context["mend"])
    said = message[0].lower() + message[1:].rstrip(".") + "."
    if kind in ("literal_error", "enum"):
        return said, f"Use {context.get('expected', 'one of these')}."
    bounds = [f"{name} {context[key]}" for key, name in _BOUNDS.items() if key in context]
    return said, f"Use a value with {' and '.join(bounds)}." if bounds else "Send a value of that kind."


_BOUNDS = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "min_length": "length at least",
    "max_length": "length at most",
    "pattern": "the pattern",
}
