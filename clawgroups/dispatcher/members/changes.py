"""What is to change of a member, and the member as it is then. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from clawgroups.errors import Invalid
from clawgroups.group.members import Member


class MemberChanges(Struct, frozen=True, kw_only=True):
    """Fields by name, only those that change. ``api_key`` None: the key is kept; empty: it is removed."""

    profile: dict[str, Any] = {}
    model: dict[str, Any] = {}
    program: dict[str, Any] = {}
    api_key: str | None = None


def changed(member: Member, changes: MemberChanges) -> Member:
    """The member with the changes, but for a new key. Raises Invalid for what its kind does not have."""
    model, program = member.model, member.program
    if changes.model or changes.api_key is not None:
        if model is None:
            raise _has_none(member, "endpoint", "model")
        model = replace(model, **changes.model)
        if changes.api_key == "" and "key_ref" not in changes.model:
            model = replace(model, key_ref="")
        if changes.api_key and model.key_ref and "key_ref" in changes.model:
            hint = "Send api_key, or key_ref with a variable's name."
            raise Invalid("A member has one key, not two.", hint=hint, field="model.api_key")
    if changes.program:
        if program is None:
            raise _has_none(member, "command", "program")
        program = replace(program, **changes.program)
    return replace(member, **changes.profile, model=model, program=program)


def _has_none(member: Member, what: str, field: str) -> Invalid:
    hint = "A member stays of its kind: remove it and add another."
    return Invalid(f"{member.name} is a {member.kind.value} and has no {what}.", hint=hint, field=field)
