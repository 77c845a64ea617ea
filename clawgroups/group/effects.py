"""What the dispatcher must do towards the runners once a decision is in the ledger. Data, so that rules stay pure."""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.thread import Entry


class Effect(Struct, frozen=True):
    """Base of all effects."""

    agent: str


class Drive(Effect, frozen=True):
    """Give the sub-agent's present driver a seat on a runner."""


class Stop(Effect, frozen=True):
    """Stop the seat of ``epoch``; ``report`` asks for proof."""

    epoch: int
    report: bool = True


class Release(Effect, frozen=True):
    """The call is on record and may start; ``arguments`` replaces what the step says when not empty."""

    call: str
    arguments: str = ""


class Tell(Effect, frozen=True):
    """The thread gained an entry that the seat did not write itself."""

    entry: Entry


class Proceed(Effect, frozen=True):
    """The step is over: take the next turn."""
