"""What ``clawgroups doctor`` looks at on the machine itself: Python, folder, disk, sandbox, git, port, peers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from clawgroups import __version__
from clawgroups.cli.house import Json
from clawgroups.runner.sandbox import OUTSIDE, Limits, confined, probe
from clawgroups.settings import Settings

GIB, MIB = 1024**3, 1024**2
LITTLE, TOO_LITTLE = 2 * GIB, 200 * MIB
NEEDED = (3, 11)
WAIT_S = 10
ENGINE = ("torch", "safetensors", "tokenizers", "tiktoken")
PEERS = ("langgraph", "langgraph.checkpoint.sqlite", "dbos", "openai")


class State(StrEnum):
    """How a row stands."""

    OK = "ok"
    WARN = "warn"  # something is off or left out; the rest works
    FAIL = "fail"  # something that is needed does not work


class Row(Struct, frozen=True):
    """One thing that was looked at, and how to mend it."""

    name: str
    state: State
    detail: str
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "state": self.state.value, "detail": self.detail, "hint": self.hint}


def python() -> Row:
    """The interpreter and this program."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < NEEDED:
        return Row("python", State.FAIL, f"Python {found}.", "Install Python 3.11 or newer, and make setup again.")
    return Row("python", State.OK, f"Python {found}, Claw Groups {__version__}.")


def home_folder(home: Path) -> Row:
    """Whether the home can be written, really tried; it is not made where it is not there yet."""
    hint = "Choose another --home, or mend the rights of that folder."
    base = existing(home)
    if not base.is_dir():
        return Row(
            "home", State.FAIL, f"{base} is a file, not a folder.", "Move it out of the way, or choose another --home."
        )
    if base != home:
        if not os.access(base, os.W_OK | os.X_OK):
            return Row("home", State.FAIL, f"{home} is not there, and {base} may not be written.", hint)
        return Row("home", State.OK, f"{home} is made at the first start.")
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return Row("home", State.FAIL, f"{home} cannot be written: {error.strerror}.", hint)
    return Row("home", State.OK, f"{home} can be written.")


def disk(home: Path) -> Row:
    """Room for the ledger and the workspaces."""
    free = shutil.disk_usage(existing(home)).free
    told = f"{free / GIB:.1f} GiB free for {home}."
    hint = "Free some space, or choose a --home on another disk: a full disk stops the ledger."
    if free < TOO_LITTLE:
        return Row("disk", State.FAIL, told, hint)
    return Row("disk", State.WARN, told, hint) if free < LITTLE else Row("disk", State.OK, told)


def existing(path: Path) -> Path:
    """The path itself, or the nearest above it that is there."""
    return path if path.exists() else existing(path.parent)


def sandbox() -> Row:
    """Bubblewrap, really tried; and inside it there must be no network but the loopback device."""
    level = probe()
    hint = "Without it run_command is off, the rest works. Debian: apt-get install bubblewrap; allow user namespaces."
    if not level.ok:
        return Row("sandbox", State.WARN, level.detail, hint)
    with tempfile.TemporaryDirectory(prefix="doctor-") as root:
        argv = confined(["/bin/cat", "/proc/net/dev"], Path(root), None, Limits(), "doctor")
        done = subprocess.run(argv, env=OUTSIDE, capture_output=True, text=True, timeout=WAIT_S, check=False)
    devices = [line.partition(":")[0].strip() for line in done.stdout.splitlines() if ":" in line]
    if done.returncode != 0 or not set(devices) <= {"lo"}:
        told = f"The network inside is not cut: {', '.join(devices) or done.stderr.strip()[:200]}."
        return Row("sandbox", State.FAIL, told, "Allow network namespaces for bubblewrap.")
    return Row("sandbox", State.OK, "bubblewrap works; commands in it see no network.")


def git() -> Row:
    """Snapshots, diffs and worktrees are git's."""
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=WAIT_S, check=False)
    except OSError:
        done = None
    if done is None or done.returncode != 0:
        hint = "Install git: without it nobody sees what changed in a workspace."
        return Row("git", State.FAIL, "git does not start.", hint)
    return Row("git", State.OK, f"{done.stdout.strip()}.")


def port(settings: Settings, facts: Json | None) -> Row:
    """The port that ``up`` would take; one that this home's own server has is fine."""
    if facts is not None:
        return Row("port", State.OK, f"The running server has {facts['url']}.")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.host, settings.port))
        except OSError as error:
            told = f"Port {settings.port} on {settings.host} cannot be used: {error.strerror}."
            hint = "Start with another --port, or with --port 0 for a free one."
            return Row("port", State.WARN, told, hint)
    return Row("port", State.OK, f"Port {settings.port} on {settings.host} is free.")


def peers() -> Row:
    """What the benchmarks compare with; nothing else needs it."""
    missing = [name for name in PEERS if not _installed(name)]
    if missing:
        told = f"Not installed: {', '.join(missing)}. The benchmarks print null for their ratios."
        return Row("bench peers", State.WARN, told, "Only for benchmarks: make setup-bench.")
    return Row("bench peers", State.OK, "All installed.")


def backend(settings: Settings) -> Row:
    """The bundled model server: which is set, and whether its CPU engine could run. Nothing else needs it."""
    said = f"{settings.backend} is set." if settings.backend else "None is set at the start."
    if settings.backend_python:
        return Row("backend", State.OK, f"{said} Its Python is {settings.backend_python}.")
    missing = [name for name in ENGINE if not _installed(name)]
    if missing:
        told = f"{said} To serve a checkpoint on this CPU, its engine lacks {', '.join(missing)}."
        return Row("backend", State.WARN, told, "Only for models of your own: clawgroups backend setup.")
    return Row("backend", State.OK, f"{said} Its CPU engine's packages are installed.")


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False
