"""A running dispatcher with a real ledger and real runner rooms, joined by the link in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import Agent, AgentStatus, Group
from clawgroups.group.thread import Entry
from clawgroups.ledger.ledger import Ledger
from clawgroups.link import messages as ms
from clawgroups.link.transport import LinkClosed, MemoryTransport, Transport, pair
from clawgroups.runner.asks import Asks
from clawgroups.runner.client import LinkClient
from clawgroups.runner.drivers.model import make_client
from clawgroups.runner.house import House
from clawgroups.runner.live import LiveDeltas
from clawgroups.runner.main import _driver
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.sandbox import SandboxLevel, probe
from clawgroups.runner.seat import MakeDriver
from clawgroups.runner.tools.toolbox import Toolbox
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

PAT = Member(id="pat", name="Pat", kind=MemberKind.PERSON)
YOU = Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON)


async def until(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    """Waits for a condition; fails loudly when it does not come."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


@cache
def level() -> SandboxLevel:
    """What this machine's sandbox can do, found out once."""
    return probe()


def model(member_id: str, base_url: str, name: str = "", **config: Any) -> Member:
    """A model member at a model server."""
    settings = ModelConfig(base_url=base_url, model=name or member_id, **config)
    return Member(id=member_id, name=member_id.title(), kind=MemberKind.MODEL, model=settings)


class RigRunner:
    """The rooms of a runner process in this process: the real house, seats, tools and drivers."""

    def __init__(self, dispatcher: Dispatcher, make_driver: MakeDriver | None = None, name: str = "elsewhere") -> None:
        self._dispatcher = dispatcher
        self.client: httpx.AsyncClient = make_client()
        self.tasks = Tasks(lambda name, error: None)  # the client ends with an error when it is turned away
        toolbox, self.reaper = Toolbox(level()), Reaper()
        hello = ms.Hello(
            version=ms.VERSION, token=dispatcher.crew.token, runner=name, session="", received=0, tools=toolbox.specs
        )
        self.link = LinkClient(self._dial, hello)
        self.live = LiveDeltas(self.link.show)
        self.house = House(
            send=self.link.send,
            make_driver=make_driver or (lambda d, w, seat: _driver(d, w, seat, self.client, self.reaper)),
            toolbox=toolbox,
            reaper=self.reaper,
            live=self.live,
            asks=Asks(self.client, self.reaper),
        )
        self.link.attach(self.house.hear, self.house.close)
        self._ends: list[MemoryTransport] = []
        self.may_dial = asyncio.Event()
        self.may_dial.set()
        self.running: asyncio.Task[None] | None = None

    async def _dial(self) -> Transport:
        await self.may_dial.wait()
        if self._dispatcher.desk._closing:
            raise LinkClosed("The dispatcher is gone.")
        here, there = pair()
        self._ends = [here, there]
        self.tasks.start(self._dispatcher.crew.serve(there), name="crew-serves")
        return here

    def start(self) -> None:
        self.running = self.tasks.start(self.link.run(), name="runner")
        self.tasks.start(self.live.run(), name="live")

    async def drop(self) -> None:
        """Cuts the connection; the runner comes back by itself."""
        for end in self._ends:
            await end.close()

    async def stop(self) -> None:
        """Everything of it ends, as with the process; nothing is told to the dispatcher."""
        await self.tasks.close()
        await self.house.close()
        await self.client.aclose()


class Rig:
    """One server's worth of rooms on one database, which can be closed and opened again."""

    def __init__(self, home: Path, url: str, **settings: Any) -> None:
        defaults = {"launch_burst": 50, "launch_per_s": 200.0, "stop_timeout_s": 2.0, "lease_s": 60.0}
        self.settings = Settings(home=home, database=url, **{**defaults, **settings})
        self.make_driver: MakeDriver | None = None
        self.runners: list[RigRunner] = []
        self._founded: list[str] = []

    async def open(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self.ledger = await Ledger.open(self.settings.database_url)
        self.dispatcher = Dispatcher(self.settings, self.ledger)
        await self.dispatcher.start()
        for group in self._founded:  # one that has ended is not opened by itself
            if group not in self.dispatcher.desk.groups:
                self.dispatcher.desk.groups[group] = await self.ledger.reader.load_group(group)

    async def close(self) -> None:
        for runner in list(self.runners):
            await runner.stop()
        self.runners.clear()
        await self.dispatcher.close()
        await self.ledger.close()

    async def join(self) -> RigRunner:
        """A runner joins; returns once it is up."""
        runner = RigRunner(self.dispatcher, self.make_driver)
        self.runners.append(runner)
        before = len(self.dispatcher.crew.links)
        runner.start()
        await until(lambda: len(self.dispatcher.crew.links) > before)
        return runner

    async def lose(self, runner: RigRunner) -> None:
        """The runner's process ends, and its end is proved."""
        link = self.dispatcher.crew.links.get(runner.link._hello.session)
        self.runners.remove(runner)
        await runner.stop()
        if link is not None:
            self.dispatcher.crew.lose(link, "the runner ended with status -9")

    # --- groups --------------------------------------------------------------------------------------

    async def found(self, conductor: Member, *others: Member, start: bool = True, **fields: Any) -> str:
        """A group of the members and two people; returns its id."""
        made = {"name": "Rig", "goal": "Do the work.", "conductor": conductor.id, **fields}
        group = str(made.pop("group", "rig2group"))
        create = cmd.CreateGroup(group=group, members=(YOU, PAT, conductor, *others), **made)
        await self.do(create, group=group)
        self._founded.append(group)
        if start:
            await self.do(cmd.StartGroup(), group=group)
        return group

    async def do(self, command: cmd.Command, actor: str = LOCAL_ADMIN, group: str = "rig2group") -> Group:
        """A command about the group, answered within ten seconds."""
        async with asyncio.timeout(10.0):
            return await self.dispatcher.command(group, command, actor)

    def group(self, group: str = "rig2group") -> Group:
        return self.dispatcher.desk.groups[group]

    def agent(self, number: int = 1, group: str = "rig2group") -> Agent:
        return self.group(group).agents[f"{group}-{number}"]

    async def reaches(self, *statuses: AgentStatus, number: int = 1, within_s: float = 10.0) -> Agent:
        """Waits until a sub-agent has one of the statuses."""
        try:
            await until(lambda: self.agent(number).status in statuses, within_s)
        except TimeoutError:
            raise AssertionError(f"never {statuses}: {self.agent(number)}") from None
        return self.agent(number)

    async def thread(self, number: int = 1, *, late: bool = False, group: str = "rig2group") -> list[Entry]:
        return await self.ledger.reader.transcript(f"{group}-{number}", limit=5_000, for_driver=not late)

    async def kinds(self, group: str = "rig2group") -> list[str]:
        return [row.kind for row in await self.ledger.reader.events(group, 0, 5_000)]

    async def request(self, kind: str, group: str = "rig2group") -> dict[str, Any]:
        """The open request of a kind, once there is one."""
        await until(lambda: any(r.kind.value == kind for r in self.group(group).requests.values()))
        views = await self.dispatcher.news.requests.views(group, "open")
        return next(view for view in views if view["kind"] == kind)

    async def answer(self, request: str, decision: str, actor: str = LOCAL_ADMIN, **fields: Any) -> Group:
        return await self.do(cmd.AnswerRequest(request=request, decision=decision, **fields), actor)

    async def turn(
        self, content: str = "", *calls: tuple[str, dict[str, Any]], number: int = 1, **options: Any
    ) -> Agent:
        """A person's turn at the wheel."""
        agent = self.agent(number, options.get("group", "rig2group"))
        asked = [(options.get("call_id", ""), name, arguments) for name, arguments in calls]
        return await self.dispatcher.people.step(
            agent.id,
            options.get("actor", LOCAL_ADMIN),
            epoch=agent.epoch,
            content=content,
            calls=asked,
            result=options.get("result", False),
        )

    async def hand_back(self, note: str = "", to: str = "", actor: str = LOCAL_ADMIN, number: int = 1) -> Agent:
        agent = self.agent(number)
        return await self.dispatcher.people.hand_back(agent.id, actor, epoch=agent.epoch, to=to, note=note)
