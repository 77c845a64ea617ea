"""The program protocol, version 1: JSON lines on stdio, so that any executable can be a member.

See docs/programs.md. What comes from a program is checked here; what goes to it is built here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clawgroups.errors import DriverError
from clawgroups.group.attachments import path_of
from clawgroups.group.thread import Entry
from clawgroups.group.tools import ToolSpec

VERSION = 1


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Said):
    """Live words of the turn under way; ``kind`` reasoning is shown apart."""

    type: Literal["text", "reasoning"]
    text: str


class ProgramCall(_Said):
    """One tool call; without an id it gets one."""

    id: str = Field("", max_length=200)
    name: str = Field(min_length=1, max_length=200)
    arguments: dict[str, Any] = Field(default_factory=dict)


class Calls(_Said):
    """Ends the turn with tool calls; the results come as one ``results`` message."""

    type: Literal["calls"]
    text: str = ""
    calls: list[ProgramCall] = Field(min_length=1, max_length=400)


class Result(_Said):
    """Ends the task."""

    type: Literal["result"]
    text: str


class Log(_Said):
    """For the runner's log only."""

    type: Literal["log"]
    text: str


class Failure(_Said):
    """The program cannot go on."""

    type: Literal["error"]
    sentence: str
    hint: str = ""


Said: TypeAlias = Text | Calls | Result | Log | Failure
_adapter: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="type")])


def parse(line: bytes, number: int) -> Said:
    """What a program said. Raises DriverError that names the line and what is wrong with it."""
    try:
        return _adapter.validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        shown = line[:120].decode("utf-8", "replace")
        raise DriverError(
            f"The program's line {number} is not of the protocol: {where} {problem['msg']} in {shown!r}",
            kind="protocol",
            hint="See docs/programs.md; print nothing else on standard output (use standard error).",
        ) from error


def task_message(
    agent: str, name: str, role: str, task: str, thread: Sequence[Entry], tools: Sequence[ToolSpec]
) -> bytes:
    """The first message: the task and the whole thread so far."""
    message = {
        "type": "task",
        "protocol": VERSION,
        "agent": {"id": agent, "name": name, "role": role},
        "task": task,
        "thread": [_entry(entry) for entry in thread],
        "tools": [msgspec.to_builtins(tool) for tool in tools],
    }
    return _line(message)


def results_message(entries: Sequence[Entry]) -> bytes:
    """What the thread gained since the last turn: results of calls, and other entries such as steering."""
    results = [
        {"call_id": e.call_id, "name": e.name, "content": e.content, "fate": e.fate}
        for e in entries
        if e.role == "tool"
    ]
    others = [_entry(entry) for entry in entries if entry.role != "tool"]
    return _line({"type": "results", "results": results, "entries": others})


def _entry(entry: Entry) -> dict[str, Any]:
    """A line of the thread; what is attached is a list of paths in the program's folder."""
    made: dict[str, Any] = msgspec.to_builtins(entry)
    if entry.attachments:
        made["attachments"] = [path_of(one) for one in entry.attachments]
    return made


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
