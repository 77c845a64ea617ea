"""Runs git for workspaces and snapshots: no hooks, no prompts, nothing of the person's configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from clawgroups.errors import ToolError

TIMEOUT_S = 60
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")
_ENV = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Claw Groups",
    "GIT_AUTHOR_EMAIL": "claw@localhost",
    "GIT_COMMITTER_NAME": "Claw Groups",
    "GIT_COMMITTER_EMAIL": "claw@localhost",
    "LC_ALL": "C.UTF-8",
}


async def git(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What git printed. Raises ToolError with git's own words when it fails or hangs."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *_SAFE,
        *args,
        cwd=cwd,
        env={**_ENV, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode != 0:
        words = err.decode(errors="replace").strip()[:500]
        raise ToolError(f"git {args[0]} failed: {words}")
    return out.decode(errors="replace")
