"""``python -m backend setup``: makes the environment that this machine needs, after saying what it downloads."""

from __future__ import annotations

import asyncio
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.errors import BackendError

if TYPE_CHECKING:
    from backend.supervisor.environment import Environment

GIB = 2**30


class Kind(StrEnum):
    """What is set up. ``auto``: SGLang where there is an NVIDIA GPU, else the CPU engine."""

    auto = "auto"
    engine = "engine"
    gpu = "sglang-gpu"
    cpu = "sglang-cpu"


def setup(
    kind: Annotated[Kind, typer.Option(help="What to set up; auto looks for GPUs.")] = Kind.auto,
    folder: Annotated[
        Path | None, typer.Option(help="Where SGLang's environment is made (default: by kind, in your data folder).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ray: Annotated[bool, typer.Option("--ray", help="With Ray, for several nodes under serve --use-ray.")] = False,
    index: Annotated[str, typer.Option(help="One more package index to look in, such as one of CPU builds.")] = "",
) -> None:
    """Make the environment that this machine needs. Says what it downloads, and asks first."""
    if kind is Kind.auto:
        kind = Kind.gpu if shutil.which("nvidia-smi") else Kind.engine
        typer.echo(
            "There is an NVIDIA driver, so SGLang is set up."
            if kind is Kind.gpu
            else "There is no NVIDIA driver, so the CPU engine is set up."
        )
    if kind is Kind.engine:
        _engine(yes, index)
    else:
        _sglang(kind, folder, yes, ray, index)


def _engine(yes: bool, index: str) -> None:
    from backend.supervisor.engine_packages import install, missing

    wanted = missing()
    if not wanted:
        typer.echo("Everything that the CPU engine needs is here.")
        return
    typer.echo(f"The CPU engine needs {', '.join(wanted)}, about 0.3 GB of downloads, in this program's own Python.")
    _ask(yes)
    install(wanted, index)
    typer.echo("Done.")


def _sglang(kind: Kind, folder: Path | None, yes: bool, ray: bool, index: str) -> None:
    from backend.supervisor.environment import Environment, default_folder
    from backend.supervisor.recipe import recipe

    plan = recipe("sglang-gpu" if kind is Kind.gpu else "sglang-cpu", ray=ray, index=index)
    environment = Environment(folder or default_folder(kind), plan)
    if environment.ready():
        typer.echo(f"{environment.folder} is ready.")
        return
    typer.echo(f"{plan.title}, in {environment.folder}:")
    for step in plan.steps:
        typer.echo(f"  {step.name}")
    typer.echo(f"About {plan.download_bytes / 1e9:.2f} GB to download, {plan.disk_bytes / GIB:.1f} GiB on disk.")
    if kind is Kind.gpu and shutil.which("nvcc") is None:
        typer.echo("nvcc is not on PATH: SGLang builds INT4 kernels with it at the first start.")
    _ask(yes)
    asyncio.run(_make(environment))
    typer.echo(f"Ready: {environment.python}")


def _ask(yes: bool) -> None:
    if yes:
        return
    try:
        agreed = typer.confirm("Go on?")
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo()  # the question's own line ends
        raise BackendError("Nobody is there to answer.", "Add --yes to go on without being asked.") from None
    if not agreed:
        raise typer.Abort


async def _make(environment: Environment) -> None:
    await environment.make(lambda line: typer.echo(f"  {line}"[:200]))
