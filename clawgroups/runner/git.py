"""Runs git for workspaces and snapshots: no hooks, no prompts, nothing of the person's configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

from clawgroups.errors import ToolError
from clawgroups.runner.pipes import to_their_end

TIMEOUT_S = 60
AT_ONCE = 2 * (os.cpu_count() or 1)  # more would only slow each other, and the loop that has to prove stops
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.allow=never",
    "gc.auto=0",
    "core.protectNTFS=false",  # names with a backslash are lawful here
    "core.protectHFS=false",
)
_SAFE = tuple(word for setting in _SETTINGS for word in ("-c", setting))
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


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def git(*args: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> str:
    """What git printed. Raises ToolError with git's own words when it fails, hangs or is not there."""
    async with _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        return await _run(args, cwd, {**_ENV, **(env or {})}, stdin)


async def _run(args: tuple[str, ...], cwd: Path, env: Mapping[str, str], stdin: bytes) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *_SAFE,
            *args,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ToolError(f"git could not be started: {error.strerror or error}.", hint="Is git installed?") from error
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate(stdin or None)
    except TimeoutError as error:
        raise ToolError(f"git {args[0]} did not end within {TIMEOUT_S} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
            await to_their_end(process)
    if process.returncode != 0:
        words = err.decode(errors="replace").strip()[:500]
        raise ToolError(f"git {args[0]} failed: {words or f'status {process.returncode}'}")
    return out.decode(errors="surrogateescape")
