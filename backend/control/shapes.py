"""What the control says, as JSON. Rates are tokens a second, sizes bytes, times Unix time in seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

State = Literal["stopped", "installing", "starting", "loading", "ready", "draining", "restarting", "failed"]


class Progress(BaseModel):
    """How far loading is: ``fraction`` from 0 to 1, None where nobody knows."""

    fraction: float | None = None
    sentence: str = ""


class Fault(BaseModel):
    """What went wrong, and how to mend it."""

    sentence: str
    hint: str = ""


class Figures(BaseModel):
    """How busy the engine is, at one moment. Totals are since it was started."""

    at: float
    tokens_per_s: float = 0.0
    prompt_tokens_per_s: float = 0.0
    running: int = 0
    queued: int = 0
    cache_used_tokens: int = 0
    cache_tokens: int = 0
    cache_hit_rate: float = 0.0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    cached_tokens: int = 0
    aborted: int = 0


class Gpu(BaseModel):
    """One GPU of this machine."""

    index: int
    name: str
    used_bytes: int
    total_bytes: int
    busy_percent: float | None = None


class PlanRow(BaseModel):
    """One line of the plan's table."""

    label: str
    value: str
    note: str = ""


class PlanNode(BaseModel):
    """What runs on one node."""

    rank: int
    host: str = ""
    command: str


class PlanView(BaseModel):
    """The plan for people."""

    rows: list[PlanRow] = []
    nodes: list[PlanNode] = []
    warnings: list[str] = []


class Status(BaseModel):
    """What this backend is and does now. ``attribution``: the name that its model's licence asks to be shown."""

    state: State
    engine: Literal["cpu", "sglang"]
    model: str
    served_name: str
    url: str = ""
    context: int | None = None
    sees: bool = False
    attribution: str = ""
    progress: Progress = Progress()
    error: Fault | None = None
    restarts: int = 0
    since: float = 0.0
    plan: PlanView | None = None
    figures: Figures | None = None
    gpus: list[Gpu] = []
    memory_bytes: int = 0
    version: str = ""
