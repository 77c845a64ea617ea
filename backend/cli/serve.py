"""``python -m backend serve``: serves a checkpoint under supervision, with a control beside it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Engine(StrEnum):
    """Which engine serves. ``auto``: the one that the plan for this machine names."""

    auto = "auto"
    cpu = "cpu"
    sglang = "sglang"


def serve(
    model: Annotated[str, typer.Argument(help="The checkpoint's folder.")],
    engine: Annotated[Engine, typer.Option(help="auto takes SGLang where there are GPUs, else the CPU engine.")] = (
        Engine.auto
    ),
    host: Annotated[str, typer.Option(help="Address of the API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the API.")] = 30_000,
    served_name: Annotated[str, typer.Option(help="Name of the model in the API (default: the folder's).")] = "",
    context: Annotated[int | None, typer.Option(min=1, help="The longest request, in tokens.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests of that length at the same time.")] = None,
    hardware: Annotated[str, typer.Option(help="Plan for this inventory or GPUs instead of what is found here.")] = "",
    environment: Annotated[
        Path | None, typer.Option(help="SGLang's environment (default: where backend setup makes it).")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Make SGLang's environment first if need be.")] = False,
    replicas: Annotated[int, typer.Option(min=1, help="Copies on this machine, behind SGLang's router.")] = 1,
    nnodes: Annotated[int, typer.Option(min=0, help="Nodes of one copy (0: as planned).")] = 0,
    node_rank: Annotated[int, typer.Option(min=0, help="Which of them this one is.")] = 0,
    dist_init_addr: Annotated[str, typer.Option(help="HOST:PORT of node 0, over which they meet.")] = "",
    use_ray: Annotated[
        bool, typer.Option("--use-ray", help="Start the ranks of all nodes over a Ray cluster.")
    ] = False,
    options: Annotated[str, typer.Option(help="More options for SGLang or the engine, as in a shell.")] = "",
    drain: Annotated[float, typer.Option(min=0, help="Seconds that requests may take to finish at a stop.")] = 60.0,
    logs: Annotated[Path | None, typer.Option(help="Folder of logs and status.")] = None,
    control_host: Annotated[str, typer.Option(help="Address of the control.")] = "127.0.0.1",
    control_port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the control (0: any).")] = 0,
    parent: Annotated[int, typer.Option(hidden=True, help="End when this process does.")] = 0,
) -> None:
    """Serve a checkpoint, start it again when it crashes, drain it on SIGTERM.

    BACKEND_API_KEY (or a file that BACKEND_API_KEY_FILE names) is the key that the API wants, BACKEND_CONTROL_TOKEN
    what the control wants to be shown; one is made where it is not set.
    """
    from backend.serving.assemble import serve_order
    from backend.serving.order import Order

    key = _secret("BACKEND_API_KEY")
    order = Order(
        model=model, engine=engine.value, host=host, port=port, served_name=served_name, context=context,
        concurrency=concurrency, hardware=hardware, environment=environment, install=install, replicas=replicas,
        nnodes=nnodes, node_rank=node_rank, dist_init_addr=dist_init_addr, use_ray=use_ray, options=options,
        drain_s=drain, folder=logs, api_key=key,
    )  # fmt: skip
    serve_order(order, control_host, control_port, _secret("BACKEND_CONTROL_TOKEN"), parent)


def _secret(name: str) -> str:
    """A secret from a variable, or from the file that NAME_FILE names. It is taken out of our environment."""
    from backend.errors import LaunchFailed

    value, path = os.environ.pop(name, ""), os.environ.pop(f"{name}_FILE", "")
    if value or not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LaunchFailed(
            f"{path}, which {name}_FILE names, cannot be read: {error}", "Name a readable file."
        ) from error
