"""From earlier tasks to what a group may cost: ranges, and the words for them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from clawgroups.group.members import Member, ModelConfig
from clawgroups.group.state import Limits
from clawgroups.ledger.track import PastTask

FEW = 5  # below this every earlier task counts; from here on the one tenth at each end is left out


class Range(Struct, frozen=True):
    """From ``low`` to ``high``."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, count: Range) -> Range:
        """So many of them."""
        return Range(self.low * count.low, self.high * count.high)


ONE = Range(1, 1)
NOTHING = Range(0, 0)


def spread(values: Sequence[float]) -> Range:
    """Where most of the values lie; at least one is needed."""
    ordered = sorted(values)
    left_out = len(ordered) // 10 if len(ordered) >= FEW else 0
    return Range(ordered[left_out], ordered[len(ordered) - 1 - left_out])


def priced(model: ModelConfig | None) -> bool:
    """Whether it is known what the model costs; 0 for all three means that nobody has said."""
    return model is not None and bool(model.price_in or model.price_out or model.price_cached)


def cost_of(task: PastTask, model: ModelConfig) -> float:
    """USD of a task at the prices of today."""
    fresh = max(0, task.tokens_in - task.cached)
    usd = fresh * model.price_in + task.cached * model.price_cached + task.tokens_out * model.price_out
    return usd / 1e6


class Part(Struct, frozen=True):
    """What one member's share comes to. ``money`` None: no price is known."""

    steps: Range
    seconds: Range
    money: Range | None


def part_of(tasks: Sequence[PastTask], member: Member) -> Part:
    """Of one task, from earlier ones."""
    money: Range | None = NOTHING
    if member.model is not None:
        model = member.model
        money = spread([cost_of(task, model) for task in tasks]) if priced(model) else None
    return Part(spread([task.steps for task in tasks]), spread([task.ms / 1_000 for task in tasks]), money)


def waves(count: Range, at_once: int) -> Range:
    """How often in a row a task's time passes when only so many are at work at once."""
    return Range(math.ceil(count.low / at_once), math.ceil(count.high / at_once))


# --- words -----------------------------------------------------------------------------------------


def money_words(range_: Range) -> str:
    """``about $0.40 to $2.10``; nothing is called so."""
    low, high = _usd(range_.low), _usd(range_.high)
    if range_.high <= 0:
        return "no money"
    return f"about {low}" if low == high else f"about {low} to {high}"


def _usd(value: float) -> str:
    if 0 < value < 0.01:
        return f"${value:.2g}" if value >= 0.0001 else "under $0.0001"
    return f"${value:,.2f}"


def usd(value: float) -> str:
    """A limit in USD."""
    return _usd(value)


def steps_words(range_: Range) -> str:
    """``120 to 300 steps``."""
    low, high = round(range_.low), round(range_.high)
    if low == high:
        return "1 step" if low == 1 else f"{low:,} steps"
    return f"{low:,} to {high:,} steps"


def time_words(range_: Range) -> str:
    """``4 to 9 min``; the unit once where it is the same."""
    (low, unit), (high, last) = _time(range_.low), _time(range_.high)
    if (low, unit) == (high, last):
        return f"{low} {unit}"
    return f"{low} to {high} {last}" if unit == last else f"{low} {unit} to {high} {last}"


def _time(seconds: float) -> tuple[str, str]:
    if seconds < 1:
        return "under 1", "s"
    if seconds < 90:
        return str(math.ceil(seconds)), "s"
    if seconds < 90 * 60:
        return str(round(seconds / 60)), "min"
    return f"{seconds / 3_600:.1f}".removesuffix(".0"), "h"


def bounds(limits: Limits, steps: Range | None, seconds: Range | None, money: Range | None) -> list[str]:
    """Which limits it may meet; at a limit a group stops and asks."""
    found = []
    if limits.budget_usd and (money is None or money.high > limits.budget_usd):
        found.append(f"At {usd(limits.budget_usd)}, your budget, it stops and asks you.")
    if steps is None or steps.high > limits.max_steps:
        found.append(f"At {limits.max_steps:,} steps it stops and asks you.")
    if limits.hours and (seconds is None or seconds.high > limits.hours * 3_600):
        found.append(f"After {limits.hours:g} h it stops and asks you.")
    return found
