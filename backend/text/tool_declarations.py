"""Tools as Kimi K2.5 was taught them: TypeScript types made from their JSON schemas.

The form is that of ``tool_declaration_ts.py`` in Moonshot's checkpoints, where the tokenizer's own
``apply_chat_template`` makes it and hands it to the template as ``tools_ts_str``. A schema for which that form has no
word (``oneOf``, no ``type`` at all) makes the whole list fall back to the template's JSON there, and so it does here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from backend.errors import RequestRefused

STEP = "  "
DEEPEST = 64
MOST_PARTS = 50_000  # keys and items of all tools of one request
_CONSTRAINTS: Mapping[str, tuple[str, ...]] = {
    "string": ("maxLength", "minLength", "pattern"),
    "number": ("maximum", "minimum"),
    "integer": ("maximum", "minimum"),
    "array": ("maxItems", "minItems"),
}
_IN_UNIONS: Mapping[str, str] = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "{}",
    "array": "Array<any>",
}
_VALUES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
}


class _NoWord(ValueError):
    """A schema that has no form in TypeScript."""


def in_order(value: Any) -> Any:
    """The value with the keys of all its objects sorted, as the checkpoint's tokenizer sorts tools first."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


def checked_size(value: Any, what: str) -> None:
    """Raises RequestRefused for what is nested deeper, or has more parts, than any tool's schema does."""
    parts, level = 0, [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            below += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        parts += len(below)
        if parts > MOST_PARTS:
            raise RequestRefused(f"{what} has more than {MOST_PARTS} parts.", "Send a smaller one.")
        if not below:
            return
        level = below
    raise RequestRefused(f"{what} is nested deeper than {DEEPEST} levels.", "Send a flatter one.")


def typescript(tools: Sequence[Mapping[str, Any]]) -> str | None:
    """OpenAI's tool declarations as TypeScript; None where one has no such form, "" where there are no functions."""
    functions = [tool.get("function") for tool in tools if tool.get("type") == "function"]
    try:
        declared = [_Function(function).text() for function in functions if function]
    except (ValueError, AttributeError, KeyError, TypeError):  # as in Moonshot's: whatever it trips over, JSON it is
        return None
    body = "\n".join(declared)
    return f"# Tools\n\n## functions\nnamespace functions {{\n{body}\n}}\n" if declared else ""


class _Function:
    """One function. ``#/$defs/…`` become interfaces before it, ``#`` an interface named ``parameters``."""

    def __init__(self, function: Mapping[str, Any]) -> None:
        self._function = function
        self._definitions: dict[str, Any] = {}
        self._recursive = False

    def text(self) -> str:
        parameters = self._function.get("parameters") or {}
        kind = self._object(parameters, "")
        name, described = self._function.get("name", "function"), self._function.get("description")
        interfaces = []
        if self._recursive:
            fields = ",\n".join(self._fields(parameters, STEP, sorted_by_need=False))
            interfaces.append(f"interface parameters {{\n{fields}\n}}" if fields else "interface parameters {}")
            kind = "parameters"
        interfaces += [self._interface(name, schema) for name, schema in list(self._definitions.items())]
        comment = _comment(described, "") if described else ""
        parts = ["\n".join(interfaces), comment, f"type {name} = (_: {kind}) => any;"]
        return "\n".join(filter(None, parts))

    def _interface(self, name: str, schema: Any) -> str:
        kind, described = self._type(schema, ""), schema.get("description", "")
        return (_comment(described, "") + "\n" if described else "") + f"interface {name} {kind}"

    def _type(self, schema: Any, indent: str) -> str:
        if isinstance(schema, bool) or schema == {}:
            return "null" if schema is False else "any"
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "anyOf" in schema:
            return " | ".join(self._type(one, indent) for one in schema["anyOf"])
        if "enum" in schema:
            return _enum(schema)
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(_IN_UNIONS[one] for one in kind)
        if kind == "object":
            return self._object(schema, indent)
        if kind == "array":
            return self._array(schema, indent)
        if not isinstance(kind, str):
            raise _NoWord(f"no type in {schema!r}")
        return "number" if kind == "integer" else kind

    def _reference(self, target: str) -> str:
        if target == "#":
            self._recursive = True
            return "parameters"
        name = target.rsplit("/", 1)[-1]
        if not target.startswith("#/$defs/") or name not in self._definitions:
            raise _NoWord(f"nothing at {target!r}")
        return name

    def _array(self, schema: Mapping[str, Any], indent: str) -> str:
        items = schema.get("items") or {}
        inner = indent + STEP
        notes = _notes(items, inner)
        if notes:
            return f"Array<\n{notes}{inner}{self._type(items, inner)}\n{indent}>"
        return f"Array<{self._type(items, indent)}>"

    def _object(self, schema: Mapping[str, Any], indent: str) -> str:
        self._definitions |= schema.get("$defs") or {}
        inner = indent + STEP
        fields = self._fields(schema, inner)
        more = schema.get("additionalProperties")
        if more is not None:
            kind = {True: "any", False: "never"}[more] if isinstance(more, bool) else self._type(more, inner)
            fields.append(f"{inner}[k: string]: {kind}")
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}" if fields else "{}"

    def _fields(self, schema: Mapping[str, Any], indent: str, *, sorted_by_need: bool = True) -> list[str]:
        """Each property with its comments: the required ones first, either kind by name."""
        properties, required = schema.get("properties") or {}, set(schema.get("required") or ())
        names = sorted(properties, key=lambda name: (name not in required, name)) if sorted_by_need else properties
        return [self._field(name, properties[name], name in required, indent) for name in names]

    def _field(self, name: str, schema: Any, required: bool, indent: str) -> str:
        notes = _notes(schema, indent)
        default = schema.get("default") if isinstance(schema, dict) else None
        if default is not None:
            shown = repr(default) if isinstance(default, (int, float)) else json.dumps(default, ensure_ascii=False)
            notes += f"{indent}// Default: {shown}\n"
        return f"{notes}{indent}{name}{'' if required else '?'}: {self._type(schema, indent)}"


def _enum(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type")
    named = [one for one in (kinds if isinstance(kinds, list) else [kinds]) if one != "null"]
    if len(named) > 1 or (isinstance(kinds, list) and len(kinds) > 2):
        raise _NoWord(f"an enum of the types {kinds!r}")
    wanted = _VALUES.get(named[0]) if named and isinstance(named[0], str) else None
    values = schema["enum"]
    if wanted is not None and not all(value is None or isinstance(value, wanted) for value in values):
        raise _NoWord(f"an enum of {kinds!r} with other values")
    return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)


def _comment(text: str, indent: str) -> str:
    return "\n".join(f"{indent}// {line}" if line else "" for line in text.split("\n"))


def _notes(schema: Any, indent: str) -> str:
    """The comment lines above a property or an item: its description, and its limits in one line."""
    if not isinstance(schema, dict):
        return ""
    described = schema.get("description")
    notes = _comment(described, indent) + "\n" if described else ""
    plain = not any(key in schema for key in ("$ref", "anyOf", "enum")) and isinstance(schema.get("type"), str)
    limits = [key for key in (_CONSTRAINTS.get(schema["type"], ()) if plain else ()) if key in schema]
    return notes + (f"{indent}// {', '.join(f'{key}: {schema[key]}' for key in limits)}\n" if limits else "")
