"""Gets the bytes of attachments over the link, piece by piece, into a folder of this machine's own.

They are kept under the hash of what they hold, so that the many sub-agents of a group who are told the same words
fetch them once, and a broken or changed file is never taken for the right one.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import secrets
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from clawgroups.errors import ToolError
from clawgroups.group.attachments import Attachment
from clawgroups.link import messages as ms

PIECE_S = 20.0  # for one piece to come; the link itself is given up sooner when nothing comes at all
AT_ONCE = 4  # files under way; what people type must not wait behind them


class Fetches:
    """One per runner."""

    def __init__(self, send: Callable[[ms.FetchFile], None], *, piece_s: float = PIECE_S) -> None:
        self._send = send
        self._piece_s = piece_s
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[ms.FilePiece]] = {}
        self._files: dict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.room = asyncio.Semaphore(AT_ONCE)  # for whoever holds a whole file in memory

    def hear(self, piece: ms.FilePiece) -> None:
        """The answer to one question; too late for nobody."""
        waiting = self._waiting.get(piece.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(piece)

    async def bring(self, attachment: Attachment, folder: Path, agent: str, epoch: int) -> Path:
        """The file with these bytes, in ``folder``; fetched unless it is there. Raises ToolError or OSError."""
        target = folder / attachment.sha256
        async with self._files[target]:
            if not await asyncio.to_thread(_holds, target, attachment.size):
                await self._fetch(attachment, target, agent, epoch)
        return target

    async def _fetch(self, attachment: Attachment, target: Path, agent: str, epoch: int) -> None:
        part = target.with_name(f".part-{secrets.token_hex(8)}")
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        digest, have = hashlib.sha256(), 0
        try:
            while have < attachment.size:
                data = await self._piece(attachment, have, agent, epoch)
                digest.update(data)
                have += len(data)
                await asyncio.to_thread(_append, part, data)
            if have != attachment.size or digest.hexdigest() != attachment.sha256:
                raise ToolError("what came is not what was attached")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    async def _piece(self, attachment: Attachment, offset: int, agent: str, epoch: int) -> bytes:
        number = next(self._ids)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        asked = ms.FetchFile(id=number, agent=agent, epoch=epoch, attachment=attachment.id, offset=offset)
        self._send(asked)
        try:
            piece: ms.FilePiece = await asyncio.wait_for(waiting, self._piece_s)
        except TimeoutError as error:
            raise ToolError(f"the server did not send it within {self._piece_s:g} s") from error
        finally:
            del self._waiting[number]
        if piece.error or not piece.data:
            raise ToolError(piece.error or "the server sent nothing")
        return piece.data


def _holds(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
