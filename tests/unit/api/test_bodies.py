"""What a body may hold, and how a problem with it is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from clawgroups.api.bodies import AnswerBody, MemberBody, MemberChangesBody, ModelBody, NewGroupBody, StepBody
from clawgroups.api.mend import problem_of

MODEL = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}


def _problem(body: type[Any], value: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        body.model_validate(value)
    found = caught.value.errors()[0]
    return problem_of({**found, "loc": ("body", *found["loc"])}, list(body.model_fields))


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("body", "value", "field", "problem", "mend"),
    [
        (NewGroupBody, {}, "name", "missing", "Add it"),
        (NewGroupBody, {"name": "   "}, "name", "at least 1 character", "length at least 1"),
        (NewGroupBody, {"name": "x", "gaol": "y"}, "gaol", "no such field", "The fields are: name, goal,"),
        (NewGroupBody, {"name": "x", "limits": {"max": 1}}, "limits.max", "no such field", "Leave it out"),
        (NewGroupBody, {"name": "x", "folder_mode": "write"}, "folder_mode", "'read' or 'worktree'", "Use 'read' or"),
        (NewGroupBody, {"name": "x", "limits": {"hours": float("nan")}}, "limits.hours", "finite", "change it"),
        (NewGroupBody, {"name": "x", "goal": "a\0b"}, "goal", "NUL", "change it"),
        (NewGroupBody, {"name": "x", "\ud800": {"y": "a\0b"}}, "\\ud800.y", "NUL", "change it"),
        (StepBody, {"epoch": -1}, "epoch", "greater than or equal to 0", "at least 0"),
        (StepBody, {"epoch": 2**60}, "epoch", "less than or equal to", "at most 9007199254740992"),
        (StepBody, {"epoch": 1, "content": 7}, "content", "valid string", "of that kind"),
        (
            StepBody,
            {"epoch": 1, "tool_calls": [{"name": "a", "arguments": {"b": "\ud800"}}]},
            "tool_calls.0.arguments.b",
            "surrogate",
            "change it",
        ),
        (AnswerBody, {"decision": "edit", "arguments": {"a": _nested(200)}}, "arguments.a.0", "deeply", "change it"),
        (AnswerBody, {"decision": "raise", "amount": float("inf")}, "amount", "finite", "change it"),
        (ModelBody, MODEL | {"context": 0}, "context", "greater than or equal to 1", "at least 1"),
        (ModelBody, MODEL | {"extra_body": []}, "extra_body", "valid dictionary", "of that kind"),
        (ModelBody, MODEL | {"extra_body": {"stream": 0, "tools": []}}, "extra_body", "stream and tools", "Leave it"),
        (ModelBody, MODEL | {"extra_body": {"a": "x" * 20_000}}, "extra_body", "too long", "at most 20000"),
        (ModelBody, MODEL | {"extra_body": {"a": [float("nan")]}}, "extra_body.a.0", "finite", "change it"),
        (MemberChangesBody, {"name": None}, "name", "valid string", "of that kind"),
        (MemberChangesBody, {"kind": "person"}, "kind", "no such field", "The fields are: name, description,"),
        (MemberBody, {"name": "x", "kind": "robot"}, "kind", "'model', 'program' or 'person'", "Use 'model'"),
    ],
)
def test_a_problem_names_the_field_and_how_to_mend_it(
    body: type[Any], value: dict[str, Any], field: str, problem: str, mend: str
) -> None:
    told = _problem(body, value)
    assert told["field"] == field
    assert problem in told["problem"]
    assert mend in told["mend"]


def test_text_of_every_language_passes() -> None:
    assert NewGroupBody.model_validate({"name": "日本 🐈 é"}).name == "日本 🐈 é"
