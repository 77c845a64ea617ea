"""What a tool is, what it gets and what it gives back."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict

from clawgroups.group.tools import Policy, ToolSpec
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.workspace import Workspace

MAX_OUTPUT = 30_000  # characters of any tool's result


class ByHand(Protocol):
    """The terminal of a person's seat."""

    async def run(self, cols: int, rows: int, context: ToolContext) -> ToolResult:
        """Open until the person closes it; returns what was done in it."""
        ...


class ToolContext(Struct, frozen=True):
    """Where a call runs. ``seat`` marks its processes; a tool that is interrupted puts what it knows into ``left``."""

    workspace: Workspace
    reaper: Reaper
    seat: str
    terminal: ByHand | None = None
    left: list[str] = field(default_factory=list)


class ToolResult(Struct, frozen=True):
    """A call's result: bounded text, whether it did what was asked, and the workspace paths it changed."""

    content: str
    ok: bool = True
    changed: tuple[str, ...] = ()


class Arguments(BaseModel):
    """Base of all tools' arguments; unknown fields are an error that names them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(Protocol):
    """One tool. ``run`` raises ToolError for what the caller can mend; cancelling it ends its processes."""

    spec: ToolSpec

    @property
    def arguments(self) -> type[Arguments]:
        """The model that its arguments must fit."""
        ...

    async def run(self, arguments: Any, context: ToolContext) -> ToolResult:
        """Does what is asked."""
        ...


def describe(
    name: str,
    description: str,
    arguments: type[Arguments],
    *,
    safe: bool = False,
    writes: bool = False,
    runs: bool = False,
    policy: Policy = Policy.ALLOW,
    off: str = "",
) -> ToolSpec:
    """A tool's declaration; its JSON schema comes from the arguments' model."""
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for described in schema.get("properties", {}).values():
        described.pop("title", None)
    return ToolSpec(
        name=name,
        description=description,
        parameters=schema,
        safe=safe,
        writes=writes,
        runs=runs,
        policy=policy,
        off=off,
    )


def bounded(text: str, limit: int = MAX_OUTPUT) -> str:
    """Text that fits: its head and tail, with a word about what is missing between."""
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if len(clean) <= limit:
        return clean
    head, tail = limit * 2 // 3, limit // 3
    return f"{clean[:head]}\n... ({len(clean) - head - tail:,} characters left out) ...\n{clean[-tail:]}"
