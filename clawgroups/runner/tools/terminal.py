"""The tool by which a person's terminal is an ordinary call: on record before it opens, and with its fate after."""

from __future__ import annotations

from pydantic import Field

from clawgroups.errors import ToolError
from clawgroups.link.messages import TERMINAL
from clawgroups.runner.sandbox import SandboxLevel
from clawgroups.runner.tools.base import Arguments, ToolContext, ToolResult, describe


class TerminalArguments(Arguments):
    """Arguments of terminal."""

    interactive: bool = Field(True, description="A person types; what they do stands in the result")
    cols: int = Field(80, ge=10, le=500)
    rows: int = Field(24, ge=2, le=300)


class OpenTerminal:
    """A shell by hand. Only people are offered it, and only inside the sandbox."""

    arguments = TerminalArguments

    def __init__(self, level: SandboxLevel) -> None:
        off = "" if level.ok else level.detail
        about = "A terminal in the workspace."
        self.spec = describe(TERMINAL, about, TerminalArguments, writes=True, runs=True, off=off)

    async def run(self, arguments: TerminalArguments, context: ToolContext) -> ToolResult:
        if self.spec.off:
            raise ToolError(f"The terminal is off here: {self.spec.off}")
        if context.terminal is None:
            raise ToolError("Only a person's seat has a terminal.")
        return await context.terminal.run(arguments.cols, arguments.rows, context)
