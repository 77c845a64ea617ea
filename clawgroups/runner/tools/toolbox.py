"""The toolbox: all tools of a runner, with arguments checked at the door."""

from __future__ import annotations

import json
import logging
from typing import Any

from pydantic import ValidationError

from clawgroups.errors import ToolError
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.sandbox import SandboxLevel
from clawgroups.runner.tools.base import Tool, ToolContext, ToolResult, bounded
from clawgroups.runner.tools.command import RunCommand
from clawgroups.runner.tools.edits import EditFile, WriteFile
from clawgroups.runner.tools.files import ListFiles, ReadFile, SearchFiles
from clawgroups.runner.tools.measure import MeasureFile
from clawgroups.runner.tools.terminal import OpenTerminal

log = logging.getLogger("clawgroups.tools")
MOST_CONTENT = 60_000  # characters


class Toolbox:
    """Knows every tool by name."""

    def __init__(self, level: SandboxLevel) -> None:
        tools: list[Tool] = [
            ListFiles(),
            ReadFile(),
            SearchFiles(),
            MeasureFile(),
            WriteFile(),
            EditFile(),
            RunCommand(level),
        ]
        self._offered = {tool.spec.name: tool for tool in tools}
        by_hand: list[Tool] = [OpenTerminal(level)]
        self._tools = self._offered | {tool.spec.name: tool for tool in by_hand}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The declarations of what drivers are offered, in the order people see them."""
        return tuple(tool.spec for tool in self._offered.values())

    def spec(self, name: str) -> ToolSpec | None:
        """One declaration."""
        tool = self._tools.get(name)
        return tool.spec if tool else None

    async def call(self, name: str, arguments: str, context: ToolContext) -> ToolResult:
        """Runs a tool on JSON text. Mistakes come back as a result that says how to mend them."""
        tool = self._tools.get(name)
        if tool is None:
            return ToolResult(f"There is no tool {name!r}. There are: {', '.join(self._offered)}.", ok=False)
        try:
            checked = tool.arguments.model_validate(_read(arguments))
            result = await tool.run(checked, context)
        except ValidationError as error:
            result = ToolResult(f"{name}: {_what_is_wrong(error)} {_takes(tool.spec)}", ok=False)
        except ToolError as error:
            result = ToolResult(f"{error.sentence} {error.hint}".strip(), ok=False)
        except OSError as error:
            result = ToolResult(f"{name} failed: {error.strerror or error}.", ok=False)
        except Exception as error:
            log.exception("%s broke", name, extra={"action": "tool_broke"})
            result = ToolResult(f"{name} broke ({type(error).__name__}: {error}). What it did is not known.", ok=False)
        return ToolResult(bounded(result.content, MOST_CONTENT), result.ok, result.changed)


def _read(arguments: str) -> Any:
    """Raises ToolError for what is no JSON; a model may write anything."""
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise ToolError(f"The arguments are not JSON ({error}).", hint="Send one JSON object.") from error


def _what_is_wrong(error: ValidationError) -> str:
    parts = []
    for problem in error.errors(include_url=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "arguments"
        parts.append(f"{where}: {problem['msg']}")
    return "; ".join(parts) + "."


def _takes(spec: ToolSpec) -> str:
    needed = set(spec.parameters.get("required", []))
    fields = [f"{name}{'' if name in needed else ' (optional)'}" for name in spec.parameters.get("properties", {})]
    return f"It takes: {', '.join(fields)}."
