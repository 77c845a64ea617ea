"""What is known of an engine before it runs: what it serves, where, and by which plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backend.checkpoint.config import read_config
from backend.control.shapes import PlanNode, PlanRow, PlanView
from backend.errors import CheckpointError
from backend.planner.plan import Plan
from backend.serving.attribution import attribution


@dataclass(frozen=True, slots=True)
class About:
    """``url`` is the root of its OpenAI API, "" on a node that does not answer. ``sees``: it takes images."""

    engine: Literal["cpu", "sglang"]
    model: str
    served_name: str
    url: str
    context: int | None = None
    sees: bool = False
    attribution: str = ""
    plan: PlanView | None = None


def about(engine: Literal["cpu", "sglang"], plan: Plan, served_name: str, url: str) -> About:
    """What a plan and its checkpoint say. A checkpoint that is not here yet says nothing more."""
    sees = False
    try:
        sees = read_config(Path(plan.model_path)).vision is not None
    except CheckpointError:  # SGLang serves other architectures too, and fetches by name
        sees = plan.architecture.endswith("ForConditionalGeneration")
    name = f"{plan.model} {plan.model_path} {served_name}"
    return About(
        engine=engine,
        model=plan.model_path,
        served_name=served_name,
        url=f"{url}/v1" if url else "",
        context=plan.context,
        sees=sees,
        attribution=attribution(name, plan.architecture),
        plan=view(plan),
    )


def view(plan: Plan) -> PlanView:
    """A plan as people see it."""
    return PlanView(
        rows=[PlanRow(label=row.label, value=row.value, note=row.note) for row in plan.rows],
        nodes=[PlanNode(rank=one.rank, host=one.host, command=one.shell()) for one in plan.commands],
        warnings=plan.warnings,
    )
