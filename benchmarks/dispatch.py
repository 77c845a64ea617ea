"""Durable steps a second through the whole dispatcher, beside a bare writer and two peers on the same work.

A step is a turn of about 2 KB with one tool call and its result: decided, fenced, committed (SQLite in WAL,
``synchronous=FULL``), mirrored, and acknowledged over the link's messages, for 300 sub-agents at once. Every arm makes
two durable records a step: the turn, before its tool may start, and the tool's result. The bare writer commits one row
for each, of the size of all that the ledger writes for it, in groups, and does nothing else.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks import peers
from benchmarks.beside import beside
from benchmarks.synthetic_runner import SyntheticRunner
from clawgroups import memory
from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.group import commands as cmd
from clawgroups.group.decide import decide
from clawgroups.group.draft import LOCAL_ADMIN, Decision
from clawgroups.group.members import Member, MemberKind, ProgramConfig
from clawgroups.group.state import Agent, AgentStatus, Group, GroupStatus, Limits, Seat
from clawgroups.group.thread import Usage
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import GroupCommit, rows_of
from clawgroups.link.transport import pair
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

AGENTS, STEPS, BYTES = 300, 30, 2_000  # steps of each sub-agent in one round
QUICK = {"agents": 6, "steps": 3}
WORDS = ("The file was read and its tables are in order; next come the tests that still fail. " * 40)[:BYTES]
LIMIT_S = 300.0  # nobody waits longer for a run that is stuck


async def run(agents: int = AGENTS, steps: int = STEPS, *, with_peers: bool = True) -> dict[str, Any]:
    """Figures of one run: medians over rounds in which the arms take turns, so that a busy moment hits them all.

    A ratio is null where the peer's package is not installed.
    """
    memory.prepare()  # as the server does
    ours: list[Round] = []
    bare: list[float] = []
    others: dict[str, float | None] = {}
    for peer in ("langgraph", "dbos", ""):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours.append(await _ours(folder / "ours", agents, steps))
            bare.append(await peers.bare_writer(folder / "bare.db", agents, steps, row_sizes()))
            if peer:
                others[peer] = await peers.peer(peer, folder, agents, WORDS) if with_peers else None
    cuts = quantiles([wait for one in ours for wait in one.waits], n=100)
    rate = median(one.rate for one in ours)
    beside(
        agents=agents,
        ours_per_s=[round(one.rate) for one in ours],
        bare_writer_per_s=[round(each) for each in bare],
        **{f"{name}_per_s": round(other) if other else None for name, other in others.items()},
    )
    return {
        "steps_per_s": round(rate),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
        "ratio_bare_writer": round(median(one.rate / beside for one, beside in zip(ours, bare, strict=True)), 3),
        **{f"ratio_{name}": round(rate / other, 1) if other else None for name, other in others.items()},
    }


class Round(NamedTuple):
    """What one round of ours measured: steps a second, and each step's ms from its report to the leave to go on."""

    rate: float
    waits: list[float]


async def _ours(home: Path, agents: int, steps: int) -> Round:
    settings = Settings(home=home, launch_burst=agents + 1, launch_per_s=1e6)
    ledger = await Ledger.open(settings.database_url)
    dispatcher = Dispatcher(settings, ledger)
    await dispatcher.start()
    tasks = Tasks()
    here, there = pair()
    runner = SyntheticRunner(there, dispatcher.crew.token, agents=agents, steps=steps, words=WORDS)
    try:
        await found_group(dispatcher, agents)
        tasks.start(dispatcher.crew.serve(here), name="link")
        tasks.start(runner.run(), name="runner")
        await asyncio.wait_for(runner.seated.wait(), LIMIT_S)
        started = time.perf_counter()
        await runner.begin()
        await asyncio.wait_for(runner.done.wait(), LIMIT_S)
        seconds = time.perf_counter() - started
    finally:
        await here.close()
        await tasks.close()
        await dispatcher.close()
        await ledger.close()
    return Round(len(runner.waits) / seconds, runner.waits)


async def found_group(dispatcher: Dispatcher, agents: int) -> str:
    """A running group of ``agents`` sub-agents (the conductor's is one of them); returns its id."""
    member = Member(id="bench", name="Bench", kind=MemberKind.PROGRAM, program=ProgramConfig(command=("true",)))
    person = dispatcher.house_members()[LOCAL_ADMIN]
    limits = Limits(max_live=agents + 1, max_steps=10_000_000, agent_steps=10_000_000)
    group = "benchgrp"
    create = cmd.CreateGroup(
        group=group, name="Bench", goal="Measure.", conductor=member.id, members=(member, person), limits=limits
    )
    await dispatcher.command(group, create, LOCAL_ADMIN)
    await dispatcher.command(group, cmd.StartGroup(), LOCAL_ADMIN)
    for number in range(agents - 1):
        make = cmd.CreateAgent(name="worker", task=f"Work {number}", member=member.id)
        await dispatcher.command(group, make, LOCAL_ADMIN)
    return group


def row_sizes() -> tuple[int, int]:
    """Characters that the ledger's rows hold for one turn and for one result, over all tables."""
    agent = Agent(id="benchgrp-1", number=1, name="worker-001", title="Work", role="worker", member="bench",
                  created_at=1_700_000_000_000, since=1_700_000_000_000, status=AgentStatus.DRIVING, epoch=1, seat=1,
                  driver=Seat("bench", MemberKind.PROGRAM, 1_700_000_000_000))  # fmt: skip
    group = Group(id="benchgrp", status=GroupStatus.RUNNING, agents={agent.id: agent})
    call = cmd.ProposedCall(id="n1", name="note", arguments='{"text": "so far so good"}', safe=True)
    turn = cmd.RecordStep(agent=agent.id, epoch=1, step=1, content=WORDS, calls=(call,), usage=Usage(900, 300))
    first = decide(group, turn, actor="bench", at=1_700_000_000_000)
    result = cmd.RecordResult(agent=agent.id, epoch=1, call="n1", ok=True, content="noted")
    second = decide(first.group, result, actor="runner", at=1_700_000_000_000)
    return _size(first), _size(second)


def _size(decision: Decision) -> int:
    rows = rows_of([GroupCommit(decision.group, decision.events)])
    typed = [*rows.events, *rows.steps, *rows.agents]
    named = [row.values() for row in (*rows.calls.values(), *rows.calls_changed.values())]
    return sum(len(str(value)) for row in (*typed, *named) for value in row)
