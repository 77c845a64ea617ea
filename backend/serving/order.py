"""What ``serve`` was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Order:
    """``model`` is a folder. ``nnodes`` 0: as planned. ``options`` are more options of the engine, as in a shell.

    ``environment`` is SGLang's, None: where ``setup`` makes it; with ``install`` it is made first if need be.
    """

    model: str
    engine: Literal["auto", "cpu", "sglang"] = "auto"
    host: str = "127.0.0.1"
    port: int = 30_000
    served_name: str = ""
    context: int | None = None
    concurrency: int | None = None
    hardware: str = ""
    environment: Path | None = None
    install: bool = False
    replicas: int = 1
    nnodes: int = 0
    node_rank: int = 0
    dist_init_addr: str = ""
    use_ray: bool = False
    options: str = ""
    drain_s: float = 60.0
    folder: Path | None = None
    api_key: str = field(default="", repr=False)
