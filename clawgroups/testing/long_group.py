"""Writes a finished group of any length to a ledger: by the rules' own events, in batches as large as the writer takes.

The same words for the same numbers each time, so that what is measured on it can be measured again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.decide import decide
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.evolve import evolve
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import CallStatus, Fate, Group, Limits
from clawgroups.group.thread import Usage
from clawgroups.ledger.mirror import GroupCommit
from clawgroups.ledger.writer import Writer

BATCH = 8_000  # events
CALL_EVERY = 4  # steps; the others are words alone
START_MS = 1_760_000_000_000
YOU = Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON)
KIMI = Member(
    id="kimi", name="Kimi", kind=MemberKind.MODEL, model=ModelConfig(base_url="http://127.0.0.1:9/v1", model="kimi")
)
_TEXT = (
    "the endpoint of billing moves to its new module and every test that held before holds again now "
    "because callers are listed first then each of them is changed by hand where types differ or a "
    "default was relied on"
)
_WORDS = _TEXT.split()


class LongGroup:
    """One group. ``agents`` sub-agents of ``steps`` steps each take their steps in turn."""

    def __init__(self, group_id: str, agents: int, steps: int) -> None:
        self.group = Group(id=group_id)
        self.events = 0
        self._agents, self._steps = agents, steps
        self._records: list[ev.Recorded] = []
        self._at = START_MS
        self._random = random.Random(agents * 100_003 + steps)

    async def write(self, writer: Writer) -> int:
        """Writes all of it; how many steps the group has then."""
        for _ in self._moves():
            if len(self._records) >= BATCH:
                await self._commit(writer)
        await self._commit(writer)
        return self.group.steps

    async def _commit(self, writer: Writer) -> None:
        records, self._records = self._records, []
        if records:
            await writer.commit([GroupCommit(self.group, records)])
            self.events += len(records)

    def _moves(self) -> Iterator[None]:
        limits = Limits(
            max_live=self._agents + 1, max_steps=self._agents * self._steps + 10, agent_steps=self._steps + 1
        )
        self._tell(
            cmd.CreateGroup(
                group=self.group.id, name="Port every endpoint", goal="Move all endpoints to the new module.",
                conductor=KIMI.id, worker=KIMI.id, members=(YOU, KIMI), limits=limits,
            )
        )  # fmt: skip
        self._tell(cmd.StartGroup())
        for number in range(2, self._agents + 2):
            self._tell(
                cmd.CreateAgent(name=f"port-{number - 1:03}", task=f"Port endpoint {number - 1}.", member=KIMI.id)
            )
            yield
        for agent in self.group.agents:
            self._tell(cmd.Launch(agent=agent), "dispatcher")
        workers = list(self.group.agents)[1:]
        for step in range(1, self._steps + 1):
            for agent in workers:
                self._step(agent, step)
                yield
        yield from self._end(workers)

    def _end(self, workers: list[str]) -> Iterator[None]:
        root = next(iter(self.group.agents))
        for agent in [*workers, root]:
            words = f"All is done: {self._said(30)}"
            step = self.group.agents[agent].step + (agent == root)
            epoch = self.group.agents[agent].epoch
            if agent == root:
                self._add(agent, ev.StepCommitted(agent=agent, epoch=epoch, step=step, by=KIMI.id, content=words))
            self._add(agent, ev.AgentFinished(agent=agent, result=words))
            yield
        self._add("", ev.GroupFinished())

    def _step(self, agent: str, step: int) -> None:
        epoch = self.group.agents[agent].epoch
        calls: tuple[ev.CallProposed, ...] = ()
        if step % CALL_EVERY == 0 and step < self._steps:
            path = f"src/{self._random.choice(_WORDS)}/endpoint{self._random.randrange(900)}.py"
            call = ev.CallProposed(
                id=f"c{step}",
                name="read_file",
                arguments=f'{{"path": "{path}"}}',
                status=CallStatus.RELEASED,
                safe=True,
            )
            calls = (call,)
        usage = Usage(tokens_in=900 + step, tokens_out=120, cost=0.0004)
        said = f"Step {step}. {self._said(34)}"
        self._add(
            agent,
            ev.StepCommitted(agent=agent, epoch=epoch, step=step, by=KIMI.id, content=said, calls=calls, usage=usage),
        )
        if calls:
            result = f"def endpoint():\n    # {self._said(40)}\n    return {step}\n"
            self._add(
                agent, ev.CallClosed(agent=agent, call=f"c{step}", fate=Fate.DONE, name="read_file", content=result)
            )

    def _said(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words))

    def _tell(self, command: cmd.Command, actor: str = LOCAL_ADMIN) -> None:
        decision = decide(self.group, command, actor=actor, at=self._at)
        self.group = decision.group
        self._records += decision.events

    def _add(self, agent: str, event: ev.Event) -> None:
        """What the rules decide on such a command, without asking them a million times."""
        self._at += 40
        epoch = self.group.agents[agent].epoch if agent else 0
        actor = "runner" if agent else LOCAL_ADMIN
        recorded = ev.Recorded(self.group.seq + 1, self._at, actor, agent, epoch, ev.KINDS[type(event)], event)
        self.group = evolve(self.group, recorded)
        self._records.append(recorded)
