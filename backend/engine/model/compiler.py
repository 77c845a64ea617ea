"""Compiles the C++ beside it, once per source, compiler and processor, into the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("native.cpp")
PARTS = ("native.cpp", "products.cpp")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-fopenmp")
SWITCH = "BACKEND_NATIVE"
"""Environment variable; "0" leaves the compiled path out."""
PATIENCE_S = 300.0
_log = logging.getLogger(__name__)


def compiled() -> ctypes.CDLL | None:
    """The library, or None where it cannot be had; why not is in the log. torch does the same then, more slowly."""
    if os.environ.get(SWITCH) == "0":
        _log.info("the compiled path is switched off by %s=0", SWITCH)
        return None
    compiler = os.environ.get("CXX") or shutil.which("g++")
    if compiler is None:
        _log.warning("there is no g++: the engine runs on torch alone, which is slower; install g++ and start again")
        return None
    try:
        path = _cache_folder() / f"few_rows_{_key(compiler)}.so"
        if not path.exists():
            _build(compiler, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as failed:
        said = getattr(failed, "stderr", None) or str(failed)
        _log.warning("the compiled path cannot be built, the engine runs on torch alone: %s", str(said)[-2000:])
        return None


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "clawgroups" / "backend"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _key(compiler: str) -> str:
    """Equal where the same library runs: the source, the flags, the compiler and the processor's abilities."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True, timeout=PATIENCE_S).stdout
    sources = (SOURCE.with_name(name).read_bytes() for name in PARTS)
    parts = (*sources, " ".join(FLAGS).encode(), version, _processor().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))


def _build(compiler: str, path: Path) -> None:
    """Beside its place first, then moved: two processes that build at once do not disturb each other."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder) / path.name
        command = [compiler, *FLAGS, str(SOURCE), "-o", str(built)]
        subprocess.run(command, capture_output=True, check=True, text=True, timeout=PATIENCE_S)
        built.replace(path)
