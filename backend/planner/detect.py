"""The hardware of this machine, by what the drivers' own tools print; a machine without GPUs is a machine too."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from backend.planner.gpu import CATALOGUE, MIB, Gpu, capability_of
from backend.planner.hardware import Hardware, Node

NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.total,memory.used,compute_cap", "--format=csv,noheader,nounits")
AMD = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")
WAIT_S = 20.0
IN_USE = 2048  # MiB; more than what an idle driver takes
MOST_MIB = 2**30
CPU_FLAGS = Path("/proc/cpuinfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def detect() -> Hardware:
    """This machine. A driver that hangs or fails is noted and counts as none."""
    notes: list[str] = []
    gpus = visible(parse_nvidia(_ask(NVIDIA, notes), notes), "CUDA_VISIBLE_DEVICES", notes)
    gpus = gpus or visible(parse_amd(_ask(AMD, notes), notes), "HIP_VISIBLE_DEVICES", notes)
    kept = _largest_kind(gpus, notes)
    node = Node(gpus=len(kept), gpu=kept[0] if kept else None, ram=_ram(), avx512=_has_avx512())
    return Hardware(nodes=(node,), local=True, notes=tuple(notes))


def _ask(command: tuple[str, ...], notes: list[str]) -> str:
    tool = shutil.which(command[0])
    if tool is None:
        return ""
    try:
        done = subprocess.run(
            [tool, *command[1:]], capture_output=True, text=True, errors="replace", timeout=WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        notes.append(f"{command[0]} does not answer; its GPUs are not counted.")
        return ""
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip()).splitlines() or ["nothing"]
        notes.append(f"{command[0]} failed (exit {done.returncode}): {said[0][:200]}")
        return ""
    return done.stdout


def parse_nvidia(text: str, notes: list[str]) -> list[Gpu]:
    """The GPUs in ``nvidia-smi``'s lines of name, MiB and compute capability; what cannot be read is noted."""
    found: list[Gpu] = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if not row:
            continue
        try:
            name, memory, used, capability = (cell.strip() for cell in row)
            mib = int(float(memory))
        except (ValueError, OverflowError):  # "[N/A]": a GPU that is cut up (MIG) or broken
            notes.append(f"nvidia-smi says {', '.join(row)[:120]!r}, which is not usable; that GPU is not counted.")
            continue
        if used.isdigit() and int(used) > IN_USE:
            notes.append(f"{used} MiB of GPU {len(found)} ({name}) are in use; the plan reckons with an empty GPU.")
        cuda = _capability(capability) or capability_of(name)
        if cuda is None or not 0 < mib <= MOST_MIB:
            notes.append(f"The compute capability or memory of {name!r} is not known; it is not counted.")
            continue
        found.append(Gpu(name=name.removeprefix("NVIDIA "), vendor="nvidia", memory=mib * MIB, capability=cuda))
    return found


def visible(gpus: list[Gpu], variable: str, notes: list[str]) -> list[Gpu]:
    """The GPUs that the environment lets programs see; all if it does not say, or says it by names and not numbers."""
    said = os.environ.get(variable)
    if said is None or not gpus:
        return gpus
    numbers = [one.strip() for one in said.split(",") if one.strip()]
    if not all(one.isdigit() for one in numbers):
        notes.append(f"{variable} is {said[:120]!r}, which names no numbers; all GPUs are planned with.")
        return gpus
    seen = [gpus[int(one)] for one in numbers if int(one) < len(gpus)]
    notes.append(f"{variable} is {said[:120]!r}: {len(seen)} of {len(gpus)} GPUs are planned with.")
    return seen


def _capability(text: str) -> int | None:
    major, _, minor = text.partition(".")
    return int(major) * 10 + int(minor) if major.isdigit() and minor.isdigit() and len(minor) == 1 else None


def parse_amd(text: str, notes: list[str]) -> list[Gpu]:
    """The GPUs in ``rocm-smi``'s JSON: an object a card, with its series and its VRAM in bytes."""
    start = text.find("{")  # warnings may stand before it
    if start < 0:
        return []
    try:
        cards = json.loads(text[start:])
    except (ValueError, RecursionError):
        notes.append("rocm-smi printed something else than JSON; its GPUs are not counted.")
        return []
    found = []
    for name, card in sorted(cards.items()) if isinstance(cards, dict) else []:
        if not name.startswith("card") or not isinstance(card, dict):
            continue
        memory = _number(card.get("VRAM Total Memory (B)"))
        series = str(card.get("Card Series") or card.get("Card series") or card.get("Card Model") or "AMD GPU")
        if memory is None:
            notes.append(f"rocm-smi does not say the memory of {name}; it is not counted.")
            continue
        short = next((one for one, gpu in CATALOGUE.items() if gpu.vendor == "amd" and one in series), series)
        found.append(Gpu(name=short, vendor="amd", memory=memory))
    return found


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isdigit() and 0 < int(text) <= 2**50 else None


def _largest_kind(gpus: list[Gpu], notes: list[str]) -> list[Gpu]:
    """The GPUs of the most frequent name, each with the least memory among them; SGLang reckons so too."""
    if not gpus:
        return []
    counts = Counter(gpu.name for gpu in gpus)
    name = max(counts, key=lambda one: (counts[one], one))
    same = [gpu for gpu in gpus if gpu.name == name]
    if len(same) < len(gpus):
        notes.append(f"Of {len(gpus)} GPUs the {len(same)} x {name} are planned with: let SGLang see only those.")
    least = min(same, key=lambda gpu: gpu.memory)
    return [least] * len(same)


def _ram() -> int:
    """Bytes of RAM, or of what a container may use of it."""
    total = psutil.virtual_memory().total
    try:
        limit = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def _has_avx512() -> bool | None:
    try:
        with CPU_FLAGS.open(encoding="utf-8", errors="replace") as file:
            return any("avx512f" in line.split() for line in file if line.startswith("flags"))
    except OSError:
        return None
