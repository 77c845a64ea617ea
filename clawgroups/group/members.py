"""Members: whoever can do work, and what the rules and drivers need to know of them."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from clawgroups.group.numbers import keep_floats


class MemberKind(StrEnum):
    """What kind of driver a member is."""

    MODEL = "model"
    PROGRAM = "program"
    PERSON = "person"


OWN_FIELDS = frozenset({"messages", "stream", "tools"})
"""Fields of a request that are the driver's alone; no ``extra_body`` sets them."""


class ModelConfig(Struct, frozen=True, omit_defaults=True):
    """An OpenAI-compatible endpoint. The key itself is never in the ledger: ``key_ref`` names it.

    ``key_ref`` is ``env:NAME`` or ``secret:NAME``; empty means no key. ``thinking`` None leaves the
    server's default. ``context`` is how many tokens it can take in. ``sees``: images go along with the
    words they are attached to. ``extra_body`` is merged into every request. Prices are USD per million tokens.
    """

    base_url: str
    model: str
    key_ref: str = ""
    thinking: bool | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    context: int | None = None
    sees: bool = False
    price_in: float = 0.0
    price_cached: float = 0.0
    price_out: float = 0.0
    extra_body: dict[str, object] = {}

    def __post_init__(self) -> None:
        keep_floats(self, "temperature", "price_in", "price_cached", "price_out")


class ProgramConfig(Struct, frozen=True, omit_defaults=True):
    """An executable that speaks JSON lines on stdio. ``command`` is argv, never a shell line."""

    command: tuple[str, ...]
    env: dict[str, str] = {}


class Member(Struct, frozen=True, omit_defaults=True):
    """One member and its profile. ``capacity`` is how many sub-agents it can drive at once (0: no limit)."""

    id: str
    name: str
    kind: MemberKind
    description: str = ""
    skills: tuple[str, ...] = ()
    capacity: int = 0
    model: ModelConfig | None = None
    program: ProgramConfig | None = None
    bundled: bool = False
