"""The link's messages, version 3: JSON text frames, one tagged message each.

Reliable messages carry a number and are kept until the peer acknowledges it (see ``mailbox``); live text and
heartbeats are numbered 0 and may be lost. Every message about a sub-agent names its epoch: a seat ignores
what is meant for another epoch, and the dispatcher refuses what comes from one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from clawgroups.group.commands import CallEnd
from clawgroups.group.members import Member
from clawgroups.group.thread import Entry, Turn
from clawgroups.group.tools import ToolSpec

VERSION = 3  # 2: terminals; 3: attachments
HEARTBEAT_S = 5.0
SILENCE_S = 20.0  # a peer that says nothing for so long is gone
TERMINAL = "terminal"  # the tool by which a person's terminal stands in the thread; no driver is offered it


class Message(Struct, frozen=True, omit_defaults=True, tag_field="t"):
    """Base of all messages."""


# --- runner to dispatcher ----------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """First word of a runner on every connection. ``received``: the last number it has of this session."""

    version: int
    token: str
    runner: str
    session: str  # made anew when the runner process starts
    received: int
    again: bool = False  # it was welcomed in this session before
    tools: tuple[ToolSpec, ...] = ()
    sandbox: str = ""  # level: bubblewrap | none
    sandbox_detail: str = ""
    pid: int = 0


class StepDone(Message, frozen=True, kw_only=True, tag="step"):
    """A finished turn. Its calls may start only when released."""

    agent: str
    epoch: int
    step: int
    turn: Turn


class ResultDone(Message, frozen=True, kw_only=True, tag="result"):
    """A tool call's result. ``snapshot``: tree of the workspace afterwards, when it changed."""

    agent: str
    epoch: int
    call: str
    ok: bool
    content: str
    snapshot: str = ""
    changed: tuple[str, ...] = ()


class Stopped(Message, frozen=True, kw_only=True, tag="stopped"):
    """The seat of ``epoch`` stands still, looked for and proved."""

    agent: str
    epoch: int
    model_call: str = "none"  # aborted | none
    processes_found: int = 0
    processes_left: int = 0
    detail: str = ""
    partial: str = ""
    partial_reasoning: str = ""
    ends: tuple[CallEnd, ...] = ()
    snapshot: str = ""


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """The driver could not take its turn; the seat is gone."""

    agent: str
    epoch: int
    reason: str
    sentence: str
    hint: str = ""
    partial: str = ""
    retry_after: float | None = None


class Delta(Struct, frozen=True, array_like=True):
    """A piece of live text. ``kind``: text | reasoning | call | tool (a tool started: its name; empty: none runs)."""

    agent: str
    epoch: int
    kind: str
    text: str
    tokens: int = 0


class Deltas(Message, frozen=True, tag="deltas"):
    """Live text of many sub-agents, gathered over some 50 ms. Never stored, may be lost."""

    items: tuple[Delta, ...]


class TerminalOpened(Message, frozen=True, kw_only=True, tag="term_opened"):
    """The shell listens; what it does from now on belongs to the call that opened it. ``fresh``: it was started."""

    agent: str
    epoch: int
    fresh: bool
    cols: int
    rows: int


class TerminalOutput(Message, frozen=True, kw_only=True, tag="term_out"):
    """What came out. Pieces are numbered from 1; the runner stops reading while too many are not acknowledged."""

    agent: str
    epoch: int
    number: int
    text: str


class TerminalClosed(Message, frozen=True, kw_only=True, tag="term_closed"):
    """The shell has ended with all that it ran."""

    agent: str
    epoch: int
    why: str


class FetchFile(Message, frozen=True, kw_only=True, tag="fetch"):
    """The runner lacks this attachment's bytes from ``offset`` on; a ``FilePiece`` answers, and it asks for the next.

    Only for a seat that it holds, and for what is attached in that sub-agent's group.
    """

    id: int
    agent: str
    epoch: int
    attachment: str
    offset: int


class Reply(Message, frozen=True, kw_only=True, tag="reply"):
    """Answer to an ``Ask``. ``error`` is a ClawError as a dict."""

    id: int
    body: Any = None
    error: dict[str, Any] | None = None


# --- dispatcher to runner ----------------------------------------------------------------------------


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """Answer to Hello. ``resumed`` False: the session was unknown, drop every seat. Then what was missed follows."""

    version: int
    received: int
    resumed: bool


class Rejected(Message, frozen=True, kw_only=True, tag="rejected"):
    """The runner may not join: wrong token or version. It must not try again with the same."""

    code: str
    sentence: str
    hint: str = ""


class WorkPlace(Struct, frozen=True, omit_defaults=True):
    """Where a sub-agent works. ``root`` is its own folder (made when missing), ``source`` a folder it may only read,
    ``repository`` one of which it gets a worktree at ``root``. ``snapshots`` is the group's hidden git folder.
    ``restore``: a snapshot's tree to begin from (a fork)."""

    root: str
    snapshots: str
    source: str = ""
    repository: str = ""
    restore: str = ""


class ReleaseCall(Message, frozen=True, kw_only=True, tag="release"):
    """This call is in the ledger and allowed: run it."""

    agent: str
    epoch: int
    call: str
    name: str
    arguments: str


class DriveSeat(Message, frozen=True, kw_only=True, tag="drive"):
    """Take a seat. ``thread`` is everything so far; ``proceed``: take a turn now; ``release``: calls to run now.

    A seat for a person has no driver: it only runs the calls that it is given. ``secret`` is the model's key.
    """

    agent: str
    epoch: int
    name: str
    role: str
    task: str
    member: Member
    thread: tuple[Entry, ...]
    tools: tuple[ToolSpec, ...]
    place: WorkPlace
    step: int
    proceed: bool
    release: tuple[ReleaseCall, ...] = ()
    secret: str = ""


class StopSeat(Message, frozen=True, kw_only=True, tag="stop"):
    """Stop the seat of ``epoch`` and everything it runs; prove it with ``Stopped`` when ``report``."""

    agent: str
    epoch: int
    report: bool = True


class TellSeat(Message, frozen=True, kw_only=True, tag="tell"):
    """The thread gained an entry that the seat did not write."""

    agent: str
    epoch: int
    entry: Entry


class ProceedSeat(Message, frozen=True, kw_only=True, tag="proceed"):
    """The step is over and recorded: take the next turn."""

    agent: str
    epoch: int


class RefusedWrite(Message, frozen=True, kw_only=True, tag="refused"):
    """A step or result was refused by the rules; the seat must stop quietly."""

    agent: str
    epoch: int
    code: str
    sentence: str


class TerminalInput(Message, frozen=True, kw_only=True, tag="term_in"):
    """What the person at the wheel typed or pasted."""

    agent: str
    epoch: int
    text: str


class TerminalSize(Message, frozen=True, kw_only=True, tag="term_size"):
    """The terminal is so large now."""

    agent: str
    epoch: int
    cols: int
    rows: int


class TerminalTaken(Message, frozen=True, kw_only=True, tag="term_taken"):
    """Output up to this number has been shown: the runner may read on."""

    agent: str
    epoch: int
    number: int


class TerminalEnd(Message, frozen=True, kw_only=True, tag="term_end"):
    """The terminal's call ends, and with it what is recorded. ``keep``: the shell lives on for the next call."""

    agent: str
    epoch: int
    keep: bool


class FilePiece(Message, frozen=True, kw_only=True, tag="piece"):
    """Answer to a ``FetchFile``: some bytes, in base64 on the wire. ``error``: why there are none."""

    id: int
    data: bytes = b""
    error: str = ""


class Ask(Message, frozen=True, kw_only=True, tag="ask"):
    """A question about a workspace or a member. ``what``: files | read_file | fingerprint |
    folder | count | change | count_change | probe | discover."""

    id: int
    what: str
    place: WorkPlace | None = None
    path: str = ""
    since: str = ""  # a snapshot's tree; of a change: ``base..head``
    member: Member | None = None
    secret: str = ""


# --- both ways ---------------------------------------------------------------------------------------


class Beat(Message, frozen=True, tag="beat"):
    """I am here."""


TerminalReport: TypeAlias = TerminalOpened | TerminalOutput | TerminalClosed
TerminalOrder: TypeAlias = TerminalInput | TerminalSize | TerminalTaken | TerminalEnd
FromRunner: TypeAlias = (
    Hello | StepDone | ResultDone | Stopped | Failed | Deltas | TerminalReport | FetchFile | Reply | Beat
)
ToRunner: TypeAlias = (
    Welcome
    | Rejected
    | DriveSeat
    | StopSeat
    | ReleaseCall
    | TellSeat
    | ProceedSeat
    | RefusedWrite
    | TerminalOrder
    | FilePiece
    | Ask
    | Beat
)
AnyMessage: TypeAlias = FromRunner | ToRunner


class Frame(Struct, frozen=True, array_like=True):
    """What travels: the message's number (0: unreliable), the last number had from the peer, the message."""

    number: int
    received: int
    message: AnyMessage


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Frame)


def encode(frame: Frame) -> str:
    """A frame as one text message."""
    return _encoder.encode(frame).decode()


def decode(text: str) -> Frame:
    """The frame in a text message. Raises msgspec.DecodeError or ValidationError for anything else."""
    return _decoder.decode(text)
