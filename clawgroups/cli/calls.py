"""Tool calls as a person types them: a name, then arguments as JSON or as key=value, checked against the tool."""

from __future__ import annotations

import json
from typing import Any

from clawgroups.cli.groups import object_of
from clawgroups.cli.house import Json
from clawgroups.cli.words import line, split
from clawgroups.errors import Invalid


def arguments_of(name: str, text: str, tools: list[Json]) -> dict[str, Any]:
    """The arguments of a call. Raises Invalid for an unknown tool or argument, and for what is neither form."""
    tool = tool_of(name, tools)
    given = text.strip()
    if not given or given[0] in '{["':
        return object_of(given or "{}", name)
    return dict(_pair(word, tool) for word in split(given, "The arguments", "Close the quotes, or write JSON."))


def tool_of(name: str, tools: list[Json]) -> Json:
    """The tool of that name. Raises Invalid."""
    tool = next((tool for tool in tools if tool["name"] == name), None)
    if tool is None:
        names = ", ".join(tool["name"] for tool in tools) or "none: no runner is up"
        raise Invalid(f"There is no tool {name!r}.", hint=f"Tools: {names}.")
    return tool


def describe(tool: Json) -> list[str]:
    """A tool and its arguments, in a few lines."""
    flags = (
        [str(tool["policy"])] + (["safe to repeat"] if tool["safe"] else []) + (["writes"] if tool["writes"] else [])
    )
    lines = [f"{line(tool['name'], 60)} ({', '.join(flags)}): {line(tool['description'], 200)}"]
    if tool["off"]:
        lines.append(f"  off: {line(tool['off'], 200)}")
    needed = tool["parameters"].get("required", [])
    for name, kind in tool["parameters"].get("properties", {}).items():
        must = ", needed" if name in needed else f", default {json.dumps(kind['default'])}" if "default" in kind else ""
        lines.append(
            f"  {line(name, 40)} ({line(kind.get('type', 'any'), 20)}{must}): {line(kind.get('description', ''))}"
        )
    return lines


def _pair(word: str, tool: Json) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    known = tool["parameters"].get("properties", {})
    if not equals:
        raise Invalid(f"{word!r} is no key=value.", hint=f"Keys of {tool['name']}: {', '.join(known) or 'none'}.")
    if key not in known:
        raise Invalid(f"{tool['name']} has no argument {key!r}.", hint=f"It has: {', '.join(known) or 'none'}.")
    if known[key].get("type") == "string":
        return key, value
    try:
        return key, json.loads(value)
    except ValueError as error:
        kind = known[key].get("type", "JSON")
        raise Invalid(f"{key}={value}: that is no {kind}.", hint=f"Give a JSON {kind} for {key}.") from error
