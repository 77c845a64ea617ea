"""A plan: what the supervisor launches, the table shows and ``--json`` prints. Sizes are bytes, lengths tokens."""

from __future__ import annotations

import shlex
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KEY_VARIABLE = "SGLANG_API_KEY"
"""The environment variable from which a printed command takes the API key; no plan holds a key."""


SECRET_OPTIONS, HIDDEN = ("--api-key", "--admin-api-key"), "[hidden]"


class NodeCommand(BaseModel):
    """One process on one node.

    ``argv[0]`` is ``python``: whoever launches puts the interpreter of SGLang's environment there. Nodes that make up
    one server have the ranks 0, 1, … and the same ``replica``; rank 0 answers HTTP. ``host`` is "" for this machine.
    """

    model_config = ConfigDict(frozen=True)

    rank: int = Field(ge=0)
    host: str = ""
    argv: list[str]
    env: dict[str, str] = {}
    replica: int = Field(default=0, ge=0)

    def shell(self) -> str:
        """The command as typed in a POSIX shell. The node that answers HTTP takes its key from ``SGLANG_API_KEY``."""
        words = [f"{name}={shlex.quote(value)}" for name, value in sorted(self.env.items())]
        words += [shlex.quote(word) for word in _without_keys(self.argv)]
        if self.rank == 0 and "sglang.launch_server" in self.argv:
            words.append(f'--api-key "${KEY_VARIABLE}"')
        return " ".join(words)


def _without_keys(argv: list[str]) -> list[str]:
    """The words with what is given for a key left out: a printed command is read by others."""
    found: list[str] = []
    for word in argv:
        name, equals, _ = word.partition("=")
        if found and found[-1] in SECRET_OPTIONS:
            found.append(HIDDEN)
        else:
            found.append(f"{name}={HIDDEN}" if equals and name in SECRET_OPTIONS else word)
    return found


class Layout(BaseModel):
    """How one copy of the model is cut. ``tensor`` counts its GPUs, over all its ``nodes``.

    ``attention_data``: groups inside ``tensor`` that each keep the KV cache of other requests (1: all keep the same).
    ``expert``: groups over which whole experts are dealt out (1: every expert is cut). ``replicas``: copies of it all.
    """

    model_config = ConfigDict(frozen=True)

    tensor: int = Field(ge=1)
    attention_data: int = Field(default=1, ge=1)
    expert: int = Field(default=1, ge=1)
    nodes: int = Field(default=1, ge=1)
    gpus_per_node: int = Field(ge=0)
    replicas: int = Field(default=1, ge=1)


class Memory(BaseModel):
    """One GPU's memory, the fullest one's; on the CPU, the machine's. ``reserve`` is for activations and graphs."""

    model_config = ConfigDict(frozen=True)

    total: int
    weights: int
    cache: int
    reserve: int
    cache_per_token: int

    @property
    def free(self) -> int:
        """What is left; never below 0 in a plan."""
        return self.total - self.weights - self.cache - self.reserve


class Row(BaseModel):
    """One line of the plan's table."""

    model_config = ConfigDict(frozen=True)

    label: str
    value: str
    note: str = ""


class Plan(BaseModel):
    """A layout that fits, and the commands that make it.

    ``engine`` "sglang": ``commands`` launch SGLang. ``engine`` "cpu": there is no GPU, and ``commands`` is the one that
    serves on this machine's CPU. ``context`` is the longest request, ``concurrency`` how many of that length run at the
    same time over all copies, ``cache_tokens`` how many different tokens their caches keep in all.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    model_path: str
    architecture: str
    engine: Literal["sglang", "cpu"] = "sglang"
    hardware: str
    weight_bytes: int
    context: int
    concurrency: int
    cache_tokens: int
    layout: Layout
    memory: Memory
    commands: list[NodeCommand]
    rows: list[Row] = []
    warnings: list[str] = []
    assumptions: list[str] = []
