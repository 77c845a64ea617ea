"""The form that changes a member: the one that adds its kind, filled with what it is now."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from clawgroups.group.members import Member
from clawgroups.ui.components.form.form import Body, Form, Input, Option
from clawgroups.ui.pages.members_forms import FORMS, member_of

BLANK: dict[str, Any] = {
    "description": "",
    "skills": [],
    "capacity": 0,
    "temperature": None,
    "max_tokens": None,
    "context": None,
    "price_in": 0,
    "price_cached": 0,
    "price_out": 0,
}
"""What an emptied field means; one that isn't here has to be filled in."""

KEPT = Option(value="kept", label="The one it has, kept by the server")


def edit_form(member: Member) -> Form:
    """What is sent changes only what is in it: variables of a program and fields of a server's own stay as they are."""
    shape = FORMS[member.kind.value]
    now = _values(member)
    sections = [
        replace(section, inputs=tuple(made for one in section.inputs for made in _filled(one, now, member)))
        for section in shape.sections()
    ]
    return Form(
        f"edit-{member.id}", sections, post=f"/members/{member.id}", method="PATCH", send="Save", acts=shape.acts
    )


def edited(member: Member, body: Body) -> tuple[Member, str]:
    """(member, pasted key) as the form has them now, to be tried. Raises Invalid for what is no member yet."""
    endpoint = msgspec.to_builtins(member.model) if member.model else {}
    changes = dict(body.get("model") or {})
    if changes.get("api_key") == "":
        endpoint.pop("key_ref", None)
    program = msgspec.to_builtins(member.program) if member.program else {}
    whole = {
        "kind": member.kind.value,
        "name": body.get("name") or member.name,
        "model": {**endpoint, **changes},
        "program": {**program, **(body.get("program") or {})},
    }
    return member_of(whole)


def _values(member: Member) -> dict[str, Any]:
    """By the path of a field."""
    found = {"name": member.name, "description": member.description, "capacity": member.capacity}
    found["skills"] = list(member.skills)
    if member.model is not None:
        fields = msgspec.structs.asdict(member.model)
        found |= {f"model.{name}": value for name, value in fields.items() if name != "key_ref"}
        ref = member.model.key_ref
        found["key"] = "env" if ref.startswith("env:") else "kept" if ref else "none"
        found["model.key_ref"] = ref.removeprefix("env:") if ref.startswith("env:") else ""
    if member.program is not None:
        found["program.command"] = shlex.join(member.program.command)
    return found


def _filled(field: Input, now: dict[str, Any], member: Member) -> Sequence[Input]:
    """The field with the member's value, and with its meaning when it is emptied."""
    path = field.path or field.name
    made = replace(field, value=_shown(field, now[path])) if path in now else field
    if field.name in BLANK:
        made = replace(made, blank=BLANK[field.name])
    if field.name != "key":
        return (made,)
    if now["key"] == "kept":
        made = replace(made, options=(KEPT, *field.options))
    gone = Input(name="no_key", label="", kind="given", path="model.api_key", when={"key": ["none"]})
    return (made, gone)


def _shown(field: Input, value: Any) -> Any:
    """A value as the field has it."""
    if field.raw:
        return json.dumps(value)
    if field.kind == "list":
        return ", ".join(value)
    if field.kind == "number":
        return "" if value is None else f"{value:.15g}"
    return value
