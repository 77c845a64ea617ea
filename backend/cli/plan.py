"""``python -m backend plan``: does a model fit, and how would it be laid out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from backend.planner.plan import Plan


class KvDtype(StrEnum):
    """What the KV cache is kept in."""

    auto = "auto"
    bf16 = "bf16"
    fp8 = "fp8_e4m3"


def plan(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, or a known model such as Kimi-K2.6.")],
    hardware: Annotated[
        str, typer.Option(help="An inventory file (JSON, TOML), or GPUs such as 8xH200 or 2x8xH100; else this machine.")
    ] = "",
    context: Annotated[int | None, typer.Option(min=1, help="The longest request, in tokens.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests of that length at the same time.")] = None,
    kv_dtype: Annotated[KvDtype, typer.Option(help="What the KV cache is kept in.")] = KvDtype.auto,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of SGLang's API.")] = 30000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Works out how a model is laid out on GPUs, and the exact command for every node."""
    from backend.planner.detect import detect
    from backend.planner.hardware import hardware_of
    from backend.planner.model import find_model
    from backend.planner.planner import make_plan
    from backend.planner.wish import Wish

    wish = Wish(context=context, concurrency=concurrency, cache_type=kv_dtype.value, port=port)
    found = make_plan(find_model(model), hardware_of(hardware) if hardware else detect(), wish)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _show(found)


def _show(found: Plan) -> None:
    """The table, what to heed, and the commands: unbroken lines, to be copied."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    for row in found.rows:
        table.add_row(row.label, row.value, row.note)
    console.print(table)
    for warning in found.warnings:
        console.print(f"! {warning}", soft_wrap=True)
    for assumption in found.assumptions:
        console.print(f"  {assumption}", soft_wrap=True)
    for command in found.commands:
        where = f"on {command.host}" if command.host else "here" if found.engine == "cpu" else "on the server"
        console.print(f"\n# {where}, rank {command.rank}")
        console.print(command.shell(), soft_wrap=True)
