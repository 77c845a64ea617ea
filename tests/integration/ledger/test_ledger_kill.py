"""SIGKILL in the middle of writing, again and again: nothing acknowledged is lost and the record has no gap."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

from ledger_rig import whole

from clawgroups.errors import LedgerBusy
from clawgroups.ledger.ledger import Ledger

WRITING = Path(__file__).with_name("writing_process.py")
KILLS = 4


async def _write_and_kill(url: str, acknowledged: dict[str, int], after: int) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, str(WRITING), url, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    lines = 0
    async with asyncio.timeout(60):
        async for line in process.stdout:
            lines += 1
            if lines == after:
                process.send_signal(signal.SIGKILL)
            if line.endswith(b"\n"):
                said = json.loads(line)
                acknowledged[said["group"]] = max(said["seq"], acknowledged.get(said["group"], 0))
        await process.wait()
    assert lines >= after


async def _reopened(url: str) -> Ledger:
    async with asyncio.timeout(20):
        while True:
            try:
                return await Ledger.open(url)
            except LedgerBusy:  # PostgreSQL has not noticed yet
                await asyncio.sleep(0.02)


async def test_nothing_acknowledged_is_lost_when_the_writing_process_is_killed(database_url: str) -> None:
    rng, acknowledged = random.Random(), dict[str, int]()
    for _ in range(KILLS):
        await _write_and_kill(database_url, acknowledged, rng.randint(20, 400))
        ledger = await _reopened(database_url)
        try:
            assert len(acknowledged) == 8
            for group, seq in acknowledged.items():
                assert await whole(ledger, group) >= seq
        finally:
            await ledger.close()
