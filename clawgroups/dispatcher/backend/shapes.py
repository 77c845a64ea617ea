"""What a backend's control says of itself, checked at the door: it may be another version, or another program."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["stopped", "installing", "starting", "loading", "ready", "draining", "restarting", "failed"]
Words = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(max_length=300)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LONGEST_CONTEXT = 2**31


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Progress(_Shape):
    """How far loading is: a part of 1, where that is known, and what is being done."""

    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    sentence: Words = ""


class Fault(_Shape):
    """What went wrong, and how to mend it."""

    sentence: Words
    hint: Words = ""


class Figures(_Shape):
    """How busy the engine is. Rates are tokens a second, totals since its start, ``at`` is Unix time in seconds."""

    at: Amount
    tokens_per_s: Amount = 0.0
    prompt_tokens_per_s: Amount = 0.0
    running: Count = 0
    queued: Count = 0
    cache_used_tokens: Count = 0
    cache_tokens: Count = 0
    cache_hit_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    prompt_tokens: Count = 0
    generated_tokens: Count = 0
    cached_tokens: Count = 0
    aborted: Count = 0


class Gpu(_Shape):
    """One GPU's memory in bytes, and how busy it is in percent where the driver says so."""

    index: Count
    name: Name
    used_bytes: Count
    total_bytes: Count
    busy_percent: Annotated[float, Field(ge=0, le=100)] | None = None


class Status(_Shape):
    """What a backend is and does now. ``attribution``: the name that its model's licence asks to be shown."""

    state: State
    engine: Literal["cpu", "sglang"]
    model: Annotated[str, Field(max_length=4_096)]
    served_name: Name
    url: Name = ""
    context: Annotated[int, Field(gt=0, le=LONGEST_CONTEXT)] | None = None
    sees: bool = False
    attribution: Name = ""
    progress: Progress = Progress()
    error: Fault | None = None
    restarts: Count = 0
    since: Amount = 0.0
    plan: dict[str, Any] | None = None
    figures: Figures | None = None
    gpus: tuple[Gpu, ...] = Field(default=(), max_length=4096)
    memory_bytes: Count = 0
    version: Name = ""


class Samples(_Shape):
    """Figures over time, oldest first."""

    samples: tuple[Figures, ...] = Field(default=(), max_length=20_000)


class LogLine(_Shape):
    """A line of the engine's log; numbers rise by one."""

    number: Count
    text: Annotated[str, Field(max_length=4_000)]


class Log(_Shape):
    """Lines of the log, oldest first."""

    lines: tuple[LogLine, ...] = Field(default=(), max_length=5_000)
