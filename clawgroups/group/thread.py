"""What a thread (transcript) is made of, in the shape that every driver can be fed from."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from clawgroups.group.attachments import Attachment
from clawgroups.group.numbers import keep_floats

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class ToolCall(Struct, frozen=True):
    """A call as the driver asked for it. ``arguments`` is JSON text, kept as written even when broken."""

    id: str
    name: str
    arguments: str = "{}"


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line of a thread.

    ``by`` is the member (or ``dispatcher``) who wrote it; ``unfinished`` marks the kept text of a turn
    that was interrupted; ``fate`` says how a tool call ended when it was not simply done;
    ``kind`` marks records of the house such as ``hand_back`` and ``steer``.
    """

    role: Role
    content: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    name: str = ""
    by: str = ""
    kind: str = ""
    fate: str = ""
    unfinished: bool = False
    step: int = 0
    seq: int = 0
    at: int = 0
    attachments: tuple[Attachment, ...] = ()


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one turn. ``tokens_in`` includes ``cached``, as OpenAI counts them."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: float = 0.0

    def __post_init__(self) -> None:
        keep_floats(self, "cost")


class Turn(Struct, frozen=True, omit_defaults=True):
    """One finished turn by a driver: words, the calls it wants, and what it used.

    A turn without calls ends the task and ``content`` is its result.
    """

    content: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    finish: str = "stop"
