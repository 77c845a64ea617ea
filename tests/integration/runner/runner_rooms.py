"""A runner's rooms put together without a dispatcher: what they send is kept in a list."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx

from clawgroups.group.members import Member, MemberKind, ProgramConfig
from clawgroups.group.thread import Entry
from clawgroups.link import messages as ms
from clawgroups.runner.asks import Asks
from clawgroups.runner.house import House
from clawgroups.runner.live import LiveDeltas
from clawgroups.runner.main import _driver
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import probe
from clawgroups.runner.scan import scan
from clawgroups.runner.seat import MakeDriver
from clawgroups.runner.tools.toolbox import Toolbox

T = TypeVar("T", bound=ms.AnyMessage)
# The marks of a seat's processes carry its name, and whoever stops a seat looks for them on the whole machine.
AGENT, OTHER = f"g{os.getpid()}-1", f"g{os.getpid()}-2"


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Waits for a condition; fails loudly when it does not come."""
    async with asyncio.timeout(within_s):
        while not condition():  # what is waited for happens in other processes
            await asyncio.sleep(0.01)


def alive_with(words: str) -> list[int]:
    """Process ids whose command line holds ``words``, found by looking; zombies do not count."""
    found = []
    for name in os.listdir("/proc"):
        try:
            line = Path(f"/proc/{name}/cmdline").read_bytes() if name.isdigit() else b""
        except OSError:
            continue
        if words.encode() in line and int(name) != os.getpid():
            found.append(int(name))
    return found


def marked(seat: str) -> list[int]:
    """Process ids that carry a seat's mark."""
    return [each.pid for each in scan() if each.seat == seat]


class Rooms:
    """A house and what it said."""

    def __init__(self, folder: Path, client: httpx.AsyncClient) -> None:
        self.folder = folder
        self.said: list[ms.AnyMessage] = []
        self.shown: list[ms.Deltas] = []
        self.reaper = Reaper()
        self.live = LiveDeltas(self.shown.append)
        self.client = client
        self.make_driver: MakeDriver = lambda drive, workspace, seat: _driver(
            drive, workspace, seat, client, self.reaper
        )
        self.house = House(
            send=self.said.append,
            make_driver=lambda *args: self.make_driver(*args),  # noqa: PLW0108  # tests replace it
            toolbox=Toolbox(probe()),
            reaper=self.reaper,
            live=self.live,
            asks=Asks(client, self.reaper),
        )

    def place(self, agent: str = AGENT, **fields: str) -> ms.WorkPlace:
        group = self.folder / "home" / "work" / "g"
        return ms.WorkPlace(root=str(group / "agents" / agent), snapshots=str(group / "snapshots.git"), **fields)

    def drive(self, member: Member, *, agent: str = AGENT, epoch: int = 1, **fields: object) -> ms.DriveSeat:
        task = Entry(role="user", content="Do it.", kind="task")
        values: dict[str, object] = {
            "name": "one", "role": "", "task": "Do it.", "thread": (task,), "tools": (), "place": self.place(agent),
            "step": 0, "proceed": True,
        }  # fmt: skip
        drive = ms.DriveSeat(agent=agent, epoch=epoch, member=member, **{**values, **fields})
        self.house.hear(drive)
        return drive

    def release(self, call: str, name: str, arguments: str, *, agent: str = AGENT, epoch: int = 1) -> None:
        self.house.hear(ms.ReleaseCall(agent=agent, epoch=epoch, call=call, name=name, arguments=arguments))

    def of(self, kind: type[T]) -> list[T]:
        return [message for message in self.said if isinstance(message, kind)]

    async def next(self, kind: type[T], number: int = 1) -> T:
        await until(lambda: len(self.of(kind)) >= number)
        return self.of(kind)[number - 1]

    async def stop(self, agent: str = AGENT, epoch: int = 1) -> ms.Stopped:
        before = len(self.of(ms.Stopped))
        self.house.hear(ms.StopSeat(agent=agent, epoch=epoch))
        return await self.next(ms.Stopped, before + 1)


def person() -> Member:
    return Member(id="p", name="Pat", kind=MemberKind.PERSON)


def program(*command: str) -> Member:
    return Member(id="m", name="Prog", kind=MemberKind.PROGRAM, program=ProgramConfig(command=command))
