"""The small prompt of a take-over: one command a line. What is no command is refused, so that no slip is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import typer

from clawgroups.cli.calls import arguments_of, describe, tool_of
from clawgroups.cli.failures import tell
from clawgroups.cli.house import Json
from clawgroups.cli.wheel import LostWheel, Wheel
from clawgroups.cli.words import line, safe
from clawgroups.errors import ClawError, Invalid

HELP = """\
say TEXT            write a turn; without TEXT, lines up to one with a single dot
call NAME ARGS      call a tool; ARGS as {"key": "value"} or key=value
tools [NAME]        the tools, or one with its arguments
thread [N]          the last N entries of the thread (10)
files               what changed in the workspace since the take-over
diff                the same as a diff
task                the task and the acceptance criteria
preview [NOTE]      exactly what the agent would be told at a hand-back
hand-back [NOTE]    give the wheel back
finish TEXT         end the task with this result
leave               go, and keep the wheel until its lease ends; then it is paused
help                this list"""
THREAD = 10
LONGEST = 4_000


class Talk:
    """Reads lines until the wheel is given away or the person leaves."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._over = False
        self._commands: dict[str, Callable[[str], None]] = {
            "say": self._say,
            "call": self._call,
            "tools": self._tools,
            "thread": self._thread,
            "files": self._files,
            "diff": self._diff,
            "task": self._task,
            "preview": self._preview,
            "hand-back": self._hand_back,
            "finish": self._finish,
            "leave": self._leave,
            "help": lambda rest: typer.echo(HELP),
        }

    def run(self) -> None:
        """The prompt. The end of input means: leave. Raises KeyboardInterrupt only out of a line that waits."""
        typer.echo("help lists what you can do.")
        while not self._over:
            try:
                said = self._read("> ")
            except (EOFError, KeyboardInterrupt):
                typer.echo("")
                return
            if self._wheel.lost is not None:
                tell(self._wheel.lost)
                return
            try:
                self._do(said)
            except LostWheel as error:
                tell(error)
                return
            except ClawError as error:
                tell(error)

    def _read(self, prompt: str) -> str:
        sys.stdout.write(prompt)
        sys.stdout.flush()
        said = sys.stdin.readline()
        if not said:
            raise EOFError
        return said.rstrip("\n")

    def _do(self, said: str) -> None:
        word, _, rest = said.strip().partition(" ")
        if not word:
            return
        command = self._commands.get(word)
        if command is None:
            raise Invalid(
                f"There is no command {word!r}; nothing was written.", hint="say TEXT writes a turn; help lists all."
            )
        command(rest.strip())

    def _say(self, text: str) -> None:
        self._wheel.write(text or self._lines())
        tell_entries(self._wheel.news())

    def _lines(self) -> str:
        lines: list[str] = []
        while (said := self._read(". ")) != ".":
            lines.append(said)
        return "\n".join(lines)

    def _call(self, rest: str) -> None:
        name, _, given = rest.partition(" ")
        arguments = arguments_of(name, given, self._wheel.agent["tools"])
        self._wheel.write("", [{"name": name, "arguments": arguments}])
        try:
            for call in self._wheel.wait_for_calls():
                typer.echo(f"{line(call['name'], 60)} waits: {line(call['status'])} {line(call['request'])}")
        except KeyboardInterrupt:
            typer.echo("\nIt still runs; its result comes into the thread.")
        tell_entries(self._wheel.news())

    def _tools(self, name: str) -> None:
        tools = self._wheel.read()["tools"]
        for tool in [tool_of(name, tools)] if name else tools:
            typer.echo("\n".join(describe(tool) if name else describe(tool)[:1]))

    def _thread(self, count: str) -> None:
        if count and not count.isdigit():
            raise Invalid(f"{count!r} is no number.", hint="thread 20 shows the last twenty entries.")
        tell_entries(self._wheel.thread(int(count[:6] or THREAD)))

    def _files(self, rest: str) -> None:
        changed = [file for file in self._wheel.changes()["files"] if file["status"] != "same"]
        for file in changed:
            typer.echo(f"{line(file['status'], 20)}\t{line(file['path'], 300)}\t{file['bytes']} bytes")
        if not changed:
            typer.echo("No file has changed since the take-over.")

    def _diff(self, rest: str) -> None:
        typer.echo(safe(self._wheel.changes()["diff"]).rstrip() or "No file has changed since the take-over.")

    def _task(self, rest: str) -> None:
        agent = self._wheel.read()
        typer.echo(safe(agent["task"]))
        if agent["acceptance"]:
            typer.echo(f"accepted when: {safe(agent['acceptance'])}")

    def _preview(self, note: str) -> None:
        typer.echo(safe(self._wheel.preview(note)))

    def _hand_back(self, note: str) -> None:
        self._wheel.hand_back(note)
        self._over = True

    def _finish(self, text: str) -> None:
        if not text:
            raise Invalid("What is the result?", hint="finish TEXT ends the task with TEXT as its result.")
        self._wheel.write(text, ends=True)
        self._over = True

    def _leave(self, rest: str) -> None:
        self._over = True


def tell_entries(entries: Iterable[Json]) -> None:
    """Entries of a thread, one after the other."""
    for entry in entries:
        who = line(entry["by_name"] or entry["role"], 40)
        marks = [word for word in (entry["kind"], entry["name"], entry["fate"]) if word]
        marks += ["unfinished"] if entry["unfinished"] else []
        typer.echo(f"--- {who}, {entry['role']}, step {entry['step']}{''.join(f', {line(m, 60)}' for m in marks)}")
        words = safe(entry["content"]).rstrip()
        if words:
            typer.echo(
                words if len(words) <= LONGEST else f"{words[:LONGEST]}\n... ({len(words) - LONGEST} more characters)"
            )
        for call in entry["calls"]:
            typer.echo(f"    calls {line(call['name'], 60)} {line(call['arguments'], 500)}")
