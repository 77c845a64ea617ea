"""What the API takes: every body is checked here, and unknown fields are named instead of ignored."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from clawgroups.group.members import OWN_FIELDS
from clawgroups.group.tools import Policy

DEEPEST = 60
LARGEST = 2**53  # beyond this, numbers change their value in JavaScript
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Words = Annotated[str, Field(max_length=200_000)]
Epoch = Annotated[int, Field(ge=0, le=LARGEST)]


class Body(BaseModel):
    """Base of all bodies. What no database or model could hold is refused: NUL, half characters, NaN, deep nesting."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        waiting: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
        while waiting:
            item, at = waiting.pop()
            if len(at) > DEEPEST:
                raise _unstorable(at[:3], "it is nested too deeply")
            if isinstance(item, dict):
                waiting += [(key, at) for key in item]
                waiting += [(part, (*at, str(key))) for key, part in item.items()]
            elif isinstance(item, list):
                waiting += [(part, (*at, str(number))) for number, part in enumerate(item)]
            elif isinstance(item, str) and (wrong := _wrong_with(item)):
                raise _unstorable(at, wrong)
            elif isinstance(item, float) and not math.isfinite(item):
                raise _unstorable(at, "it is no finite number")
        return value


def _wrong_with(text: str) -> str:
    if "\0" in text:
        return "it holds a NUL character"
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "it holds half of a surrogate pair"
    return ""


def _unstorable(at: tuple[str, ...], wrong: str) -> PydanticCustomError:
    place = ".".join(at).encode(errors="backslashreplace").decode()  # its keys may hold what is refused here
    return PydanticCustomError("unstorable", "{wrong}", {"wrong": wrong, "at": place or "body"})


class LimitsBody(Body):
    """Limits of a group; what is left out keeps its default. 0 means no limit for money, tokens and hours."""

    max_live: int = Field(300, ge=1, le=1_000)
    max_steps: int = Field(4_000, ge=1, le=10_000_000)
    agent_steps: int = Field(4_000, ge=1, le=1_000_000)
    budget_usd: float = Field(0, ge=0, le=1e12)
    budget_tokens: int = Field(0, ge=0, le=LARGEST)
    hours: float = Field(0, ge=0, le=1e6)


class NewGroupBody(Body):
    """A group to make."""

    name: Name
    goal: Words = ""
    rules: Words = ""
    template: str = Field("", max_length=60)
    folder: str = Field("", max_length=4_000)
    folder_mode: Literal["read", "worktree"] = "read"
    conductor: str = Field("", max_length=120)
    worker: str = Field("", max_length=120)
    limit: int = Field(300, ge=1, le=300)
    pace: int | None = Field(None, ge=0, le=1_000)
    base: str = Field("", max_length=200)
    head: str = Field("", max_length=200)
    by: Literal["file", "concern"] = "file"
    sides: int = Field(5, ge=2, le=20)
    lines: Words = ""
    at_once: int = Field(8, ge=1, le=300)
    limits: LimitsBody = Field(default_factory=lambda: LimitsBody.model_validate({}))
    policies: dict[str, Policy] = Field(default_factory=dict, max_length=200)
    start: bool = False


class EstimateBody(NewGroupBody):
    """A group as it would be made; it needs no name yet."""

    name: str = Field("", max_length=400)


class TemplateBody(Body):
    """A group to make a template of."""

    name: Name
    group: str = Field(min_length=1, max_length=120)


class TemplateNameBody(Body):
    """A new name for a template."""

    name: Name


class GuideBody(Body):
    """Whether the first page shows the guide."""

    shown: bool


class TakeOverBody(Body):
    """How to take over."""

    mode: Literal["now", "after_step"] = "now"


class HandBackBody(Body):
    """A hand-back. ``to``: a member's id; the former driver when left out. ``one_step``: for one step only."""

    epoch: Epoch | None = None
    note: Words = ""
    to: str = Field("", max_length=120)
    one_step: bool = False


class ReassignBody(Body):
    """A new driver for the task."""

    to: str = Field(min_length=1, max_length=120)
    reason: Words = ""


class SteerBody(Body):
    """Words for the next step boundary."""

    message: Annotated[str, Field(min_length=1, max_length=100_000)]


class CancelBody(Body):
    """What becomes of the children."""

    children: Literal["end", "hand_up"] = "end"


class ForkBody(Body):
    """From where, and who drives the fork. ``instead``: it takes the place of its origin, which ends."""

    step: int = Field(ge=0, le=LARGEST)
    member: str = Field("", max_length=120)
    instead: bool = False


class CallBody(Body):
    """A tool call of a person."""

    id: str = Field("", max_length=200)
    name: str = Field(min_length=1, max_length=200)
    arguments: dict[str, Any] = Field(default_factory=dict)


class StepBody(Body):
    """A person's turn."""

    epoch: Epoch
    content: Words = ""
    tool_calls: list[CallBody] = Field(default_factory=list, max_length=50)
    result: bool = False


class LeaseBody(Body):
    """A sign of life of the person at the wheel."""

    epoch: Epoch


class AnswerBody(Body):
    """An answer to a request."""

    decision: str = Field(min_length=1, max_length=40)
    text: Words = ""
    arguments: dict[str, Any] | None = None
    scope: Literal["once", "tool", "group"] = "once"
    member: str = Field("", max_length=120)
    amount: float = Field(0, ge=0, le=1e15)


class AssignBody(Body):
    """Who is to have a request."""

    to: str | None = Field(None, max_length=120, description="A person; left out: oneself; empty: nobody.")
    was: str | None = Field(None, max_length=120, description="Only if that person has it now; empty: nobody.")


# --- members -------------------------------------------------------------------------------------------

LONGEST_EXTRA = 20_000  # characters of JSON; it goes along with every member, group and request


def _extra(value: dict[str, Any]) -> dict[str, Any]:
    own = sorted(OWN_FIELDS & value.keys())
    if own:
        mend = "Leave it out: the driver itself sets it for every request."
        raise PydanticCustomError("reserved", "it may not set {own}", {"own": " and ".join(own), "mend": mend})
    if len(json.dumps(value)) > LONGEST_EXTRA:
        mend = f"Use at most {LONGEST_EXTRA} characters of JSON."
        raise PydanticCustomError("reserved", "it is too long", {"mend": mend})
    return value


Description = Annotated[str, Field(max_length=2_000)]
Skills = Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=50)]
Capacity = Annotated[int, Field(ge=0, le=1_000)]
BaseUrl = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2_000)]
ModelName = Annotated[str, Field(min_length=1, max_length=300)]
Key = Annotated[str, Field(max_length=4_000)]
KeyRef = Annotated[str, Field(max_length=200, pattern=r"^(env:\w+)?$")]
Temperature = Annotated[float | None, Field(ge=0, le=2)]
Tokens = Annotated[int | None, Field(ge=1, le=LARGEST)]
Price = Annotated[float, Field(ge=0, le=1e6)]
Extra = Annotated[dict[str, Any], AfterValidator(_extra)]
Command = Annotated[list[Annotated[str, Field(max_length=4_000)]], Field(min_length=1, max_length=100)]
Variables = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$", max_length=200)], Words], Field(max_length=200)
]


class ModelBody(Body):
    """An OpenAI-compatible endpoint. ``api_key`` is kept apart, readable only by the server's owner.

    ``context``: how many tokens it takes in. ``sees``: it takes images. ``extra_body``: fields of the server's own,
    merged into every request.
    """

    base_url: BaseUrl
    model: ModelName
    api_key: Key = ""
    key_ref: KeyRef = ""
    thinking: bool | None = None
    temperature: Temperature = None
    max_tokens: Tokens = None
    context: Tokens = None
    sees: bool = False
    price_in: Price = 0
    price_cached: Price = 0
    price_out: Price = 0
    extra_body: Extra = Field(default_factory=dict)


class ProgramBody(Body):
    """An executable, as a list of words; no shell is involved."""

    command: Command
    env: Variables = Field(default_factory=dict)


class MemberBody(Body):
    """A member to bring in."""

    name: Name
    kind: Literal["model", "program", "person"]
    description: Description = ""
    skills: Skills = Field(default_factory=list)
    capacity: Capacity = 0
    model: ModelBody | None = None
    program: ProgramBody | None = None


def _kept() -> Any:
    """A field that may be left out, and then changes nothing; what stands here is never used."""
    return Field(default_factory=lambda: None)


class ModelChangesBody(Body):
    """What to change of an endpoint. An empty ``api_key`` removes the key; null brings a default back.

    ``extra_body`` replaces the whole object.
    """

    base_url: BaseUrl = _kept()
    model: ModelName = _kept()
    api_key: Key = _kept()
    key_ref: KeyRef = _kept()
    thinking: bool | None = _kept()
    temperature: Temperature = _kept()
    max_tokens: Tokens = _kept()
    context: Tokens = _kept()
    sees: bool = _kept()
    price_in: Price = _kept()
    price_cached: Price = _kept()
    price_out: Price = _kept()
    extra_body: Extra = _kept()


class ProgramChangesBody(Body):
    """What to change of a program. ``env`` replaces all of its variables."""

    command: Command = _kept()
    env: Variables = _kept()


class MemberChangesBody(Body):
    """What to change of a member; what is left out stays as it is."""

    name: Name = _kept()
    description: Description = _kept()
    skills: Skills = _kept()
    capacity: Capacity = _kept()
    model: ModelChangesBody = _kept()
    program: ProgramChangesBody = _kept()
