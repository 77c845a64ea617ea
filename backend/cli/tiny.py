"""``python -m backend tiny``: a small random checkpoint, to try an engine with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEEPSEEK = "DeepseekV3ForCausalLM"


def tiny(
    folder: Annotated[Path, typer.Argument(help="A new folder for the checkpoint.")],
    architecture: Annotated[
        str, typer.Option(help="DeepseekV3ForCausalLM, or KimiK25ForConditionalGeneration, which also sees.")
    ] = DEEPSEEK,
    shape: Annotated[
        str, typer.Option(help="default, k2_heads (head sizes of K2) or bench (195 M parameters).")
    ] = "default",
    int4: Annotated[bool, typer.Option("--int4/--bf16", help="How the routed experts are stored.")] = True,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights.")] = 0,
) -> None:
    """Make a small checkpoint of random weights with tokenizer and chat template. It talks nonsense."""
    from backend.errors import CheckpointError
    from backend.tiny import SHAPES, make

    if shape not in SHAPES:
        raise CheckpointError(f"There is no shape {shape!r}.", f"Take one of {', '.join(SHAPES)}.")
    make(folder, architecture=architecture, int4=int4, seed=seed, shape=SHAPES[shape])
    typer.echo(f"Made {folder}: {architecture}, {'INT4 experts' if int4 else 'bf16'}, shape {shape}, seed {seed}.")
