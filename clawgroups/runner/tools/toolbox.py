"""The toolbox: all tools of a runner, with arguments checked at the door."""

from __future__ import annotations

import json
import logging

from pydantic import ValidationError

from clawgroups.errors import ToolError
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.sandbox import SandboxLevel
from clawgroups.runner.tools.base import Tool, ToolContext, ToolResult, bounded
from clawgroups.runner.tools.command import RunCommand
from clawgroups.runner.tools.edits import EditFile, WriteFile
from clawgroups.runner.tools.files import ListFiles, ReadFile, SearchFiles
from clawgroups.runner.tools.measure import MeasureFile

log = logging.getLogger("clawgroups.tools")


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
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The declarations, in the order people see them."""
        return tuple(tool.spec for tool in self._tools.values())

    def spec(self, name: str) -> ToolSpec | None:
        """One declaration."""
        tool = self._tools.get(name)
        return tool.spec if tool else None

    async def call(self, name: str, arguments: str, context: ToolContext) -> ToolResult:
        """Runs a tool on JSON text. Mistakes come back as a result that says how to mend them."""
        tool = self._tools.get(name)
        if tool is None:
            return ToolResult(f"There is no tool {name!r}. There are: {', '.join(self._tools)}.", ok=False)
        try:
            checked = tool.arguments.model_validate(json.loads(arguments or "{}"))
            result = await tool.run(checked, context)
        except json.JSONDecodeError as error:
            return ToolResult(f"{name}: the arguments are not JSON ({error}). Send one JSON object.", ok=False)
        except ValidationError as error:
            return ToolResult(f"{name}: {_what_is_wrong(error)} {_takes(tool.spec)}", ok=False)
        except ToolError as error:
            return ToolResult(f"{error.sentence} {error.hint}".strip(), ok=False)
        except OSError as error:
            return ToolResult(f"{name} failed: {error.strerror or error}.", ok=False)
        return ToolResult(bounded(result.content, 60_000), result.ok, result.changed)


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
