"""The sandbox for shell commands: bubblewrap without network, with limits. Probed, never silently left out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from clawgroups.runner.reaper import MARK

PROBE_S = 10
GIB = 1024**3


class SandboxLevel(Struct, frozen=True):
    """What this machine gives: ``bubblewrap`` or ``none``, and why."""

    level: str
    detail: str

    @property
    def ok(self) -> bool:
        """Whether commands may run."""
        return self.level == "bubblewrap"


class Limits(Struct, frozen=True):
    """Bounds of one command: bytes of memory and of a file, seconds of CPU, processes, open files."""

    memory: int = 4 * GIB
    file_size: int = 1 * GIB
    cpu_s: int = 600
    processes: int = 512
    open_files: int = 1024
    temp_bytes: int = 1 * GIB


def probe() -> SandboxLevel:
    """Tries the real thing once. Takes some milliseconds; call it off the event loop."""
    if shutil.which("bwrap") is None:
        return SandboxLevel("none", "bubblewrap is not installed (Debian: apt-get install bubblewrap).")
    try:
        done = subprocess.run(
            [*_flags(Path("/tmp"), None, Limits(), "probe"), "/bin/true"],
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return SandboxLevel("none", f"bubblewrap did not start: {error}")
    if done.returncode != 0:
        return SandboxLevel("none", f"bubblewrap cannot make a sandbox here: {done.stderr.strip()[:300]}")
    return SandboxLevel("bubblewrap", "PID, network, user and mount namespaces; no network.")


def confined(argv: Sequence[str], root: Path, source: Path | None, limits: Limits, seat: str) -> list[str]:
    """Argv that runs ``argv`` with ``root`` as its only writable folder (at /ws) and no network."""
    prlimit = [
        "prlimit",
        f"--as={limits.memory}",
        f"--fsize={limits.file_size}",
        f"--cpu={limits.cpu_s}",
        f"--nproc={limits.processes}",
        f"--nofile={limits.open_files}",
        "--core=0",
        "--",
    ]
    return [*_flags(root, source, limits, seat), *prlimit, *argv]


def _flags(root: Path, source: Path | None, limits: Limits, seat: str) -> list[str]:
    flags = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent"]
    flags += ["--new-session", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"]
    flags += ["--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8", "--setenv", MARK, seat]
    flags += ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"]
    flags += ["--symlink", "usr/lib", "/lib"]
    if Path("/lib64").exists():
        flags += ["--symlink", "usr/lib64", "/lib64"]
    for path in ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl", "/etc/passwd", "/etc/group"):
        flags += ["--ro-bind-try", path, path]
    flags += ["--proc", "/proc", "--dev", "/dev", "--size", str(limits.temp_bytes), "--tmpfs", "/tmp"]
    flags += ["--bind", str(root), "/ws"]
    if source is not None:
        flags += ["--ro-bind", str(source), "/ws/source"]
    return [*flags, "--chdir", "/ws", "--cap-drop", "ALL", "--"]
