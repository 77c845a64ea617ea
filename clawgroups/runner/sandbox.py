"""The sandbox for shell commands: bubblewrap without network, with limits. Probed, never silently left out."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from clawgroups.runner.scan import MARK

# NOTE: where the runner is root, the user inside is the same root to the kernel, without capabilities: he owns what
# lies in /proc/sys and could name a program there that the kernel starts outside (core_pattern).
_READ_ONLY = ("/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger", "/proc/mtrr")
_EMPTY = ("/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/timer_list", "/proc/kpagecount", "/proc/kpageflags")
PROBE_S = 10
SHARED_BYTES = 64 * 1024**2
GIB = 1024**3
OUTSIDE = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
"""The environment to start bubblewrap itself with: its first process inside shows it to all others in /proc."""
_ETC = ("alternatives", "ld.so.cache", "ssl/certs", "ssl/openssl.cnf", "passwd", "group")


class SandboxLevel(Struct, frozen=True):
    """What this machine gives: ``bubblewrap`` or ``none``, and why."""

    level: str
    detail: str

    @property
    def ok(self) -> bool:
        """Whether commands may run."""
        return self.level == "bubblewrap"


class Limits(Struct, frozen=True):
    """Bounds of one command: bytes of memory (of each process) and of a file, seconds of CPU, processes, open files,
    bytes of temporary files and of output."""

    memory: int = 4 * GIB
    file_size: int = 1 * GIB
    cpu_s: int = 600
    processes: int = 512
    open_files: int = 1024
    temp_bytes: int = 1 * GIB
    output: int = GIB // 8


def probe() -> SandboxLevel:
    """Tries the real thing once. Takes some milliseconds; call it off the event loop."""
    if shutil.which("bwrap") is None:
        return SandboxLevel("none", "bubblewrap is not installed (Debian: apt-get install bubblewrap).")
    try:
        done = subprocess.run(
            confined(["/bin/true"], Path("/tmp"), None, Limits(), "probe"),
            env=OUTSIDE,
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


def confined(
    argv: Sequence[str], root: Path, source: Path | None, limits: Limits, seat: str, *, hidden: Path | None = None
) -> list[str]:
    """Argv that runs ``argv`` with ``root`` as its only writable folder (at /ws) and no network.

    ``source`` is to be read at /ws/source, but for the folder ``hidden``, if that lies in it.
    """
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
    return [*_flags(root, source, hidden, limits, seat), *prlimit, *argv]


def _flags(root: Path, source: Path | None, hidden: Path | None, limits: Limits, seat: str) -> list[str]:
    flags = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--die-with-parent"]
    flags += ["--new-session", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"]
    flags += ["--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8", "--setenv", MARK, seat]
    flags += ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"]
    flags += ["--symlink", "usr/lib", "/lib"]
    if Path("/lib64").exists():
        flags += ["--symlink", "usr/lib64", "/lib64"]
    for path in _ETC:
        flags += ["--ro-bind-try", f"/etc/{path}", f"/etc/{path}"]
    flags += ["--proc", "/proc", *_covered(), "--dev", "/dev", "--size", str(SHARED_BYTES), "--tmpfs", "/dev/shm"]
    flags += ["--size", str(limits.temp_bytes), "--tmpfs", "/tmp", "--bind", str(root), "/ws"]
    if source is not None:
        flags += ["--ro-bind", str(source), "/ws/source"]
        if hidden is not None and source in hidden.parents and hidden.is_dir():
            flags += ["--tmpfs", f"/ws/source/{hidden.relative_to(source)}"]
    flags += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return [*flags, "--chdir", "/ws", "--cap-drop", "ALL", "--"]


def _covered() -> list[str]:
    flags: list[str] = []
    for path in _READ_ONLY:
        flags += ["--ro-bind-try", path, path]
    for path in _EMPTY:
        if os.path.exists(path):
            flags += ["--ro-bind", "/dev/null", path]
    return flags
