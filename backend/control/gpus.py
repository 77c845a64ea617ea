"""The GPUs of this machine and how full they are, by what their driver's own tool prints."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import shutil

from backend.control.shapes import Gpu

QUERY = ("--query-gpu=index,name,memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
MIB = 2**20
WAIT_S = 10.0


async def read_gpus() -> list[Gpu]:
    """NVIDIA's GPUs; none where there is no driver, or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    process = await asyncio.create_subprocess_exec(
        tool,
        *QUERY,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), WAIT_S)
    except TimeoutError:  # a driver that hangs
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return []
    return parse_gpus(output.decode(errors="replace")) if process.returncode == 0 else []


def parse_gpus(text: str) -> list[Gpu]:
    """What ``nvidia-smi`` printed, in MiB and percent; lines that say nothing usable are left out."""
    found = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        with contextlib.suppress(ValueError):  # "[N/A]": a GPU that is shared or broken
            index, name, used, total, busy = row
            found.append(
                Gpu(
                    index=int(index),
                    name=name,
                    used_bytes=int(used) * MIB,
                    total_bytes=int(total) * MIB,
                    busy_percent=float(busy) if busy.replace(".", "", 1).isdigit() else None,
                )
            )
    return found
