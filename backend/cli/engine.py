"""``python -m backend engine``: serves one checkpoint with the CPU engine, in this process."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

KEY = "BACKEND_API_KEY"


def engine(
    model: Annotated[Path, typer.Argument(help="The checkpoint's folder.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port.")] = 30_000,
    served_name: Annotated[str, typer.Option(help="Name of the model in the API (default: the folder's).")] = "",
    context: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of one request (default: what the model allows).")
    ] = None,
    memory_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens that the cache holds (default: as memory allows).")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0: one for each core.")] = 0,
    max_running: Annotated[int | None, typer.Option(min=1, help="Most requests at once.")] = None,
    drain: Annotated[float, typer.Option(min=0, help="Seconds that requests may take to finish at a stop.")] = 30.0,
    max_queued: Annotated[int | None, typer.Option(min=1, help="Most requests that wait.")] = None,
) -> None:
    """Serve a checkpoint on the CPU, without a supervisor. An API key is taken from BACKEND_API_KEY."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost a busy machine 3 to 9 times
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    import torch

    from backend.api.main import serve_engine
    from backend.engine.limits import Limits

    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    usual = Limits()
    limits = Limits(max_running=max_running or usual.max_running, max_queued=max_queued or usual.max_queued)
    key = os.environ.pop(KEY, "")
    serve_engine(
        model, host, port, api_key=key, served_name=served_name, context=context,
        memory_tokens=memory_tokens, device=device, limits=limits, drain_s=drain,
    )  # fmt: skip
