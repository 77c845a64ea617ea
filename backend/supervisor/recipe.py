"""How an environment is made: which steps, what they download, what is set when it is used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.supervisor import pins

Kind = Literal["sglang-gpu", "sglang-cpu"]
PLUGIN = Path(__file__).parent.parent / "sglang_cpu"
PLUGIN_PACKAGE = "clawgroups-sglang-cpu"
PATCHED = "torchvision/extension.py"
PATCH = "\n\nfrom clawgroups_sglang_cpu.operators import declare  # added by backend setup\n\ndeclare()\n"
GIB = 2**30
NO_COMPILE = ("--no-compile",)  # the parts that are used are compiled at the first start, the rest never


@dataclass(frozen=True, slots=True)
class Step:
    """One call of ``pip install`` with a name for people, or, with ``plugin``, our own plugin and its patch."""

    name: str
    arguments: tuple[str, ...] = ()
    plugin: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of environment. Sizes are bytes, from lists of wheels for Python 3.11 on x86-64 Linux."""

    kind: Kind
    title: str
    steps: tuple[Step, ...]
    download_bytes: int
    disk_bytes: int
    check: str
    variables: dict[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Changes when anything that is installed does; an environment with another one is made anew."""
        known = hashlib.sha256(repr(self.steps).encode())
        if any(step.plugin for step in self.steps):
            for path in [*sorted(PLUGIN.rglob("*.py")), PLUGIN / "pyproject.toml"]:
                known.update(path.read_bytes())
            known.update(PATCH.encode())
        return known.hexdigest()[:16]


def recipe(kind: Kind, *, ray: bool = False, index: str = "") -> Recipe:
    """The recipe of a kind. ``ray``: with Ray, for ``--use-ray``. ``index``: one more package index to look in."""
    more = ("--extra-index-url", index) if index else ()
    return _gpu(ray, more) if kind == "sglang-gpu" else _cpu(more)


def _gpu(ray: bool, more: tuple[str, ...]) -> Recipe:
    wanted = pins.GPU + ((pins.RAY,) if ray else ())
    return Recipe(
        kind="sglang-gpu",
        title=f"SGLang {pins.SGLANG} for NVIDIA GPUs (CUDA 13), with its router{' and Ray' if ray else ''}",
        steps=(Step(f"SGLang {pins.SGLANG} and 207 packages with it", (*more, *wanted)),),
        download_bytes=int(4.4e9),
        disk_bytes=14 * GIB,
        check="import torch, sglang.srt.server_args; assert torch.version.cuda, 'torch has no CUDA'",
    )


def _cpu(more: tuple[str, ...]) -> Recipe:
    return Recipe(
        kind="sglang-cpu",
        title=f"SGLang {pins.SGLANG} on the CPU, for tests: slow, in plain torch {pins.TORCH}",
        steps=(
            Step(
                f"SGLang {pins.SGLANG}, torch {pins.TORCH} and {len(pins.CPU) - 2} packages",
                ("--no-deps", *NO_COMPILE, *more, *pins.CPU),
            ),
            Step("the plugin for CPUs", plugin=True),
        ),
        download_bytes=int(0.75e9),
        disk_bytes=int(2.8 * GIB),
        check=CPU_CHECK,
        variables={
            "SGLANG_USE_CPU_ENGINE": "1",  # or SGLang does not believe that there is a CPU
            "TORCHDYNAMO_DISABLE": "1",  # or it compiles while it serves, for up to half a minute at a time
            "HF_HUB_OFFLINE": "1",
        },
    )


CPU_CHECK = """
import torch, torchvision, sgl_kernel
assert torch.version.cuda is None, 'torch was built for CUDA'
from importlib.metadata import entry_points
assert [one.load() for one in entry_points(group='sglang.srt.plugins') if one.name == 'clawgroups_cpu'], 'no plugin'
import sglang.srt.server_args
"""
"""What must work in it. torch is looked at by its build: another one fails only when a model is loaded."""
