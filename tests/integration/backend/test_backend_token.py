"""What the house keeps for its backend while it is changed or falls: each token for one, a watch that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawgroups.dispatcher.backend.backend import Backend
from clawgroups.dispatcher.backend.process import BackendProcess
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import BackendAway, LedgerStopped
from clawgroups.ledger.ledger import Ledger
from clawgroups.settings import Settings

Seen = dict[str, set[str]]
ANSWER = b'{"samples":[]}'
HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n".encode()


@contextlib.asynccontextmanager
async def _listening(name: str, seen: Seen) -> AsyncIterator[str]:
    """Answers every request after a moment, so that it is still being asked when it is left."""

    open_ones: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                seen[name] |= {line.split()[-1] for line in lines if line.lower().startswith("authorization")}
                await asyncio.sleep(0.002)
                writer.write(HEAD + ANSWER)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await asyncio.wait([one for one in open_ones if one is not None], timeout=30)  # until they were left


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    settings = Settings(home=tmp_path, runner=False)
    ledger = await Ledger.open(settings.database_url)
    made = Backend(Dispatcher(settings, ledger))
    yield made
    await made.close()
    await ledger.close()


async def test_no_control_is_shown_the_token_of_another_while_it_is_changed(backend: Backend) -> None:
    seen: Seen = defaultdict(set)

    async def watch() -> None:
        while True:
            with contextlib.suppress(BackendAway):  # it is being left at that moment
                await backend.samples(0)
            await asyncio.sleep(0.001)

    async with _listening("a", seen) as a, _listening("b", seen) as b, asyncio.TaskGroup() as group:
        watchers = [group.create_task(watch()) for _ in range(6)]
        for _ in range(20):
            for address, token in ((a, "token-of-a"), (b, "token-of-b")):
                await backend.change(address, (), token, "you")
                await asyncio.sleep(0.01)
        for watcher in watchers:
            watcher.cancel()
        await backend.close()
    assert seen == {"a": {"token-of-a"}, "b": {"token-of-b"}}


async def test_a_change_that_is_not_recorded_keeps_the_token(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    await backend.change("http://127.0.0.1:9", (), "the-token", "you")

    async def full(_name: str, _value: object) -> None:
        raise LedgerStopped("The disk is full.")

    monkeypatch.setattr(backend._table, "put", full)
    with pytest.raises(LedgerStopped):
        await backend.change("http://127.0.0.1:10", (), "another", "you")
    assert (backend.config.source, backend._token()) == ("http://127.0.0.1:9", "the-token")


async def test_one_whose_log_is_gone_is_started_again_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    said = '{"control": "http://127.0.0.1:9"}'
    script = f"import time; print({said!r}, flush=True); time.sleep(60)"
    process = BackendProcess([sys.executable, "-c", script], {}, log)
    process.start()
    async with asyncio.timeout(30):
        while process.state != "up" or process.pid is None:
            await asyncio.sleep(0.01)
        log.unlink()
        os.kill(process.pid, signal.SIGKILL)
        while process.restarts < 1 or process.state != "up":
            await asyncio.sleep(0.01)
    assert "cannot be read" in process.last_words
    await process.close()
