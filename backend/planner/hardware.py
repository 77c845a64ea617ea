"""The servers that are planned for: a shorthand such as ``2x8xH100``, an inventory file, or this machine."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from backend.errors import BackendError
from backend.planner.gpu import GIB, Gpu, Vendor, known

LARGEST_INVENTORY = 2**20  # bytes
MOST_NODES = 256
SHORTHAND = re.compile(r"(?:(\d{1,18})\s*x\s*)?(\d{1,18})\s*x\s*(\S.*)", re.IGNORECASE)
HOST = r"^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:]+\])?$"  # a name, an address, or IPv6 in brackets
Interconnect = Literal["infiniband", "roce", "nvlink", "ethernet", "unknown"]


class Node(BaseModel):
    """One server. ``ram`` in bytes and ``avx512`` are None where nobody said."""

    model_config = ConfigDict(frozen=True)

    host: str = ""
    gpus: int = Field(default=0, ge=0)
    gpu: Gpu | None = None
    ram: int | None = None
    avx512: bool | None = None


class Hardware(BaseModel):
    """What there is. ``local``: it is this machine, so that commands need no host. ``notes``: what was odd about it."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Node, ...] = Field(min_length=1, max_length=MOST_NODES)
    interconnect: Interconnect = "unknown"
    local: bool = False
    notes: tuple[str, ...] = ()

    def groups(self) -> list[tuple[Node, ...]]:
        """Nodes with as many GPUs that are the same in everything, the largest group first; others share no model."""
        found: dict[tuple[Gpu, int], list[Node]] = {}
        for node in self.nodes:
            if node.gpu is not None and node.gpus:
                found.setdefault((node.gpu, node.gpus), []).append(node)
        return sorted((tuple(group) for group in found.values()), key=_memory, reverse=True)

    def describe(self) -> str:
        """In words: ``2 nodes of 8 x H100``."""
        parts = []
        for group in self.groups():
            gpu = group[0].gpu
            assert gpu is not None
            cards = f"{group[0].gpus} x {gpu.name}"
            parts.append(cards if len(group) == 1 else f"{len(group)} nodes of {cards}")
        return " and ".join(parts) or "no GPU"


def _memory(group: tuple[Node, ...]) -> int:
    return sum(node.gpus * node.gpu.memory for node in group if node.gpu is not None)


class _Entry(BaseModel):
    """One node of an inventory file."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="", max_length=253, pattern=HOST)
    gpu: str = Field(max_length=80)
    gpus: int = Field(ge=1, le=64)
    gpu_memory_gib: float | None = Field(default=None, gt=0, le=4096)
    vendor: Vendor | None = None
    capability: float | None = Field(default=None, ge=1, le=20)
    ram_gib: float | None = Field(default=None, gt=0, le=2**20)
    avx512: bool | None = None

    @model_validator(mode="after")
    def _unknown_gpu_is_described(self) -> _Entry:
        self.kind()
        return self

    def kind(self) -> Gpu:
        """The GPU: a known one, or what the entry says of it."""
        try:
            base = known(self.gpu)
        except BackendError as error:
            if self.gpu_memory_gib is None or self.vendor is None:
                raise ValueError(
                    f"the GPU {self.gpu!r} is not known; say gpu_memory_gib, vendor and, for nvidia, capability"
                ) from error
            if self.vendor == "nvidia" and self.capability is None:
                raise ValueError(f"say the compute capability of {self.gpu!r}, such as 9.0") from error
            base = Gpu(name=self.gpu, vendor=self.vendor, memory=1)
        changed: dict[str, int] = {}
        if self.gpu_memory_gib is not None:
            changed["memory"] = int(self.gpu_memory_gib * GIB)
        if self.capability is not None:
            changed["capability"] = round(self.capability * 10)
        return base.model_copy(update=changed)


class _Inventory(BaseModel):
    model_config = ConfigDict(extra="forbid")

    interconnect: Interconnect = "unknown"
    nodes: list[_Entry] = Field(min_length=1, max_length=MOST_NODES)


def hardware_of(text: str) -> Hardware:
    """The hardware of an inventory file or a shorthand. Raises BackendError."""
    path = Path(text)
    try:
        if path.suffix.lower() in (".json", ".toml") or path.is_file():
            return read_inventory(path)
    except (OSError, ValueError) as bad:  # too long for a name, or with a NUL in it
        raise BackendError(f"{text[:80]!r} is no name of a file: {bad}.", "Name an inventory, or 8xH200.") from bad
    return parse_shorthand(text)


def parse_shorthand(text: str) -> Hardware:
    """``8xH200``, ``2x8xH100-80G`` (nodes, GPUs of a node, kind) or ``L40S``. Raises BackendError."""
    match = SHORTHAND.fullmatch(text.strip())
    nodes, gpus, name = (1, 1, text.strip()) if match is None else (int(match[1] or 1), int(match[2]), match[3].strip())
    if not 1 <= nodes <= MOST_NODES or not 1 <= gpus <= 64:
        raise BackendError(f"{text!r} says {nodes:,} nodes of {gpus:,} GPUs.", "Say 1 to 256 nodes of 1 to 64 GPUs.")
    try:
        gpu = known(name)
    except BackendError as error:
        raise BackendError(
            f"{text!r} is neither a file nor hardware such as 8xH200 or 2x8xH100: {error.sentence}", error.hint
        ) from error
    hosts = [""] if nodes == 1 else [f"node{rank}" for rank in range(nodes)]
    return Hardware(nodes=tuple(Node(host=host, gpus=gpus, gpu=gpu) for host in hosts))


def read_inventory(path: Path) -> Hardware:
    """The servers of a JSON or TOML file. Raises BackendError."""
    text = ""
    try:
        if path.stat().st_size > LARGEST_INVENTORY:
            raise BackendError(f"{path} is larger than any inventory is.", "Name an inventory file.")
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except FileNotFoundError as gone:
        raise BackendError(f"There is no inventory file {path}.", "Name one, or hardware such as 8xH200.") from gone
    except (OSError, ValueError, RecursionError) as bad:
        said = str(bad).replace("at end of document", f"at its end, line {len(text.splitlines())}")
        raise BackendError(
            f"{path} cannot be read: {said}.", "An inventory is JSON or TOML (docs/planner.md)."
        ) from bad
    try:
        found = _Inventory.model_validate(raw)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BackendError(f"{path}: {place}{_wrong(first)}", "docs/planner.md has an example.") from wrong
    several = len(found.nodes) > 1
    return Hardware(
        interconnect=found.interconnect, nodes=tuple(_node(one, i, several) for i, one in enumerate(found.nodes))
    )


WANTED = {
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_parsing": "a number", "float_type": "a number", "string_type": "a text", "bool_parsing": "true or false",
    "bool_type": "true or false", "list_type": "a list", "model_type": "a table",
}  # fmt: skip


def _wrong(error: ErrorDetails) -> str:
    """What was found at a place of an inventory, and what is wanted there."""
    kind, bounds = error["type"], error.get("ctx", {})
    if kind == "missing":
        return " is missing."
    if kind == "extra_forbidden":
        return " is not known here."
    found = f" is {str(error['input'])[:60]!r}" if not isinstance(error["input"], dict | list) else ""
    if kind in WANTED:
        return f"{found or ' is of another kind'}; {WANTED[kind]} is wanted."
    limits = {
        "greater_than_equal": ("at least", "ge"),
        "less_than_equal": ("at most", "le"),
        "greater_than": ("more than", "gt"),
    }
    if kind in limits:
        words, name = limits[kind]
        return f"{found}; {words} {bounds[name]:,} is wanted."
    return f"{found}: {error['msg']}."


def _node(entry: _Entry, number: int, several: bool) -> Node:
    return Node(
        host=entry.host or (f"node{number}" if several else ""),
        gpus=entry.gpus,
        gpu=entry.kind(),
        ram=None if entry.ram_gib is None else int(entry.ram_gib * GIB),
        avx512=entry.avx512,
    )
