"""``python -m backend quantize``: a checkpoint in bf16, fp16, fp32 or FP8 to one with experts in INT4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from backend.quantize import Progress, Report


def quantize(
    source: Annotated[Path, typer.Argument(help="The folder of the checkpoint.")],
    target: Annotated[Path, typer.Argument(help="A new folder for the result.")],
    group_size: Annotated[
        int, typer.Option(help="Inputs that share a scale: 32, as Kimi has it, 64, 128 or 256.")
    ] = 32,
) -> None:
    """Write a checkpoint anew with its routed experts in INT4, as Kimi K2.5 has them.

    A run that was ended goes on where it stood when the same command is given again.
    """
    from backend.errors import CheckpointError
    from backend.quantize import quantize as run

    if group_size not in (32, 64, 128, 256):
        raise CheckpointError(f"A group size of {group_size}.", "Choose 32, 64, 128 or 256.")
    report = run(source, target, group_size=group_size, told=_Lines())
    _show(report)
    typer.echo(f"Done: {target}. The table is also in {target / 'quantize_report.json'}.")


class _Lines:
    """Says each shard when its work begins, and every tenth of it."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, progress: Progress) -> None:
        percent = 100 * progress.done // max(1, progress.total)
        line = f"Shard {progress.number} of {progress.shards}, {percent // 10 * 10}% of all."
        if line != self._said:
            self._said = line
            typer.echo(line)


def _show(report: Report) -> None:
    typer.echo(f"{'Layer':>5}  {'Relative error':>14}  {'Largest error':>13}")
    for layer, error in report.layers.items():
        typer.echo(f"{layer:>5}  {error.relative:>14.4%}  {error.largest:>13.6f}")
