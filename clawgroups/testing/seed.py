"""``python -m clawgroups.testing.seed --home HOME``: a house with groups in every state, the same each time.

Everything is played by the real rules and written by the ledger's own writer. ``--long 300x4000`` adds a finished group
of that size, ``--ended 2000`` so many small ones. Start a server on the home with CLAWGROUPS_RUNNER=false: then nobody
goes on driving. With ``--models URL`` the models are those of ``clawgroups.testing.model_server`` there: whoever is at
work writes on for as long as one looks.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import Agent, Limits, RequestKind
from clawgroups.ids import now_ms
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.mirror import HOUSE
from clawgroups.ledger.writer import Writer
from clawgroups.testing.long_group import LongGroup
from clawgroups.testing.played_group import PlayedGroup, call
from clawgroups.testing.seed_words import ENDED, FINDINGS, MODULES, Told, said

PAT, ANN = "pat", "ann"
PEOPLE = (
    Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON, description="The local admin"),
    Member(id=PAT, name="Pat Okafor", kind=MemberKind.PERSON),
    Member(id=ANN, name="Ann Lindqvist", kind=MemberKind.PERSON),
)


NOWHERE = "http://127.0.0.1:9/v1"
ENDLESS = "endless@4"  # writes four words a second


def _model(member: str, name: str, price: float, base_url: str = NOWHERE) -> Member:
    model = name if base_url == NOWHERE else ENDLESS
    config = ModelConfig(base_url=base_url, model=model, price_in=price, price_out=4 * price)
    return Member(id=member, name=name, kind=MemberKind.MODEL, model=config, capacity=400, skills=("code",))


KIMI, QWEN = _model("kimi", "Kimi K2.6", 0.6), _model("qwen", "Qwen3 Coder", 0.2)
MEMBERS = (*PEOPLE, KIMI, QWEN)


def members_at(base_url: str) -> tuple[Member, ...]:
    """The same members, with models that are really there."""
    return (*PEOPLE, _model(KIMI.id, KIMI.name, 0.6, base_url), _model(QWEN.id, QWEN.name, 0.2, base_url))


DAY_MS = 86_400_000
Fate = Callable[["Busy", Agent, int], None]


def created(played: PlayedGroup, told: Told, **more: object) -> PlayedGroup:
    """The group with its members."""
    plan: dict[str, object] = {"conductor": KIMI.id, "worker": QWEN.id, "members": MEMBERS, **more}
    command = cmd.CreateGroup(group=played.group.id, name=told.name, goal=told.goal, rules=told.rules, **plan)  # type: ignore[arg-type]
    played.tell(command)
    return played


def conducted(played: PlayedGroup, modules: Sequence[str], *, review_every: int = 0, ask: bool = False) -> None:
    """Starts it; the conductor gives each module to a sub-agent in one turn, and all of them are launched."""
    played.tell(cmd.StartGroup())
    played.launch(played.group.root)
    calls = [
        call("create_subagent", 0, name="port", system_prompt="You port one module. Run its tests before you end.")
    ]
    for number, module in enumerate(modules, 1):
        review = "person" if review_every and number % review_every == 0 else ""
        task = f"Port src/{module} to the new client."
        calls.append(call("assign_task", number, agent="port", title=f"Port {module}", prompt=task, review=review))
    if ask:
        calls.append(call("ask_person", 0, question="May the old client be removed, or must both stay for a release?"))
    played.turn(played.group.root, f"There are {len(modules)} modules; each gets a sub-agent of its own.", *calls)
    for worker in played.workers():
        played.launch(worker.id)


class Busy:
    """The running group: 300 sub-agents, some of them in each state there is."""

    def __init__(self, at: int, members: tuple[Member, ...] = MEMBERS) -> None:
        self.played = PlayedGroup("seedbusy", at)
        self.members = members
        self.random = random.Random(300)

    def play(self) -> PlayedGroup:
        """Everything that has happened in it."""
        told = Told(
            "Port the billing client",
            "Move every caller of the old billing client to the new one.",
            "Never touch migrations.",
        )
        limits = Limits(max_live=400, max_steps=20_000, agent_steps=9, budget_usd=400)
        created(self.played, told, limits=limits, members=self.members)
        modules = [f"{MODULES[n % len(MODULES)]}{n // len(MODULES) + 1}.py" for n in range(299)]
        conducted(self.played, modules, review_every=40, ask=True)
        for number, worker in enumerate(self.played.workers()):
            self._begin(worker, number)
            self._fate(number)(self, worker, number)
        return self.played

    def _begin(self, worker: Agent, number: int) -> None:
        for step in range(1 + self.random.randrange(5)):
            path = f"src/{MODULES[number % len(MODULES)]}.py"
            self.played.turn(worker.id, said(self.random), call("read_file", step, path=path))
            self.played.results(worker.id, f"class Client:\n    # {FINDINGS[number % len(FINDINGS)]}\n    ...")

    def _fate(self, number: int) -> Fate:
        if number in (39, 79, 119):
            return Busy.review
        rare: dict[int, Fate] = {3: Busy.approval, 11: Busy.stall, 17: Busy.person, 23: Busy.paused, 29: Busy.failed}
        rare |= {31: Busy.cancelled, 37: Busy.limit, 41: Busy.handed_back, 5: Busy.tool}
        if number % 43 in rare and number % 43 not in (37, 41):
            return rare[number % 43]
        if number in (37, 41, 84):
            return Busy.limit if number == 37 else Busy.handed_back
        return Busy.done if number % 4 == 0 else Busy.tool if number % 3 == 0 else Busy.driving

    def approval(self, worker: Agent, number: int) -> None:
        """It waits for leave to run a command."""
        command = f"pytest tests/{MODULES[number % len(MODULES)]} -q"
        self.played.turn(
            worker.id, "I run the tests of this module.", call("run_command", 90, ask=True, command=command)
        )

    def stall(self, worker: Agent, number: int) -> None:
        """Its provider refuses, and a person has to say what next."""
        report = cmd.ReportFailure(
            agent=worker.id, epoch=self.played.group.agents[worker.id].epoch, reason="auth",
            sentence="Qwen3 Coder refused the key.", hint="Look at the member's key.",
        )  # fmt: skip
        self.played.tell(report, "runner")

    def person(self, worker: Agent, number: int) -> None:
        """A person holds its wheel."""
        person = (LOCAL_ADMIN, PAT, ANN)[number % 3]
        self.played.take_over(worker.id, person, partial="I would now change the signature of")
        self.played.turn(
            worker.id, "I look at the callers by hand first.", call("search_files", 70, text="billing.Client")
        )
        self.played.results(worker.id, "src/checkout.py:14: billing.Client()\nsrc/refunds.py:9: billing.Client()")

    def paused(self, worker: Agent, number: int) -> None:
        """It stands still at a step boundary."""
        self.played.tell(cmd.PauseAgent(agent=worker.id), PAT)
        self.played.turn(worker.id, said(self.random), call("read_file", 80, path="README.md"))
        self.played.results(worker.id, "# Billing\n")

    def failed(self, worker: Agent, number: int) -> None:
        """A person gave it up after a stall."""
        self.stall(worker, number)
        self.played.answer(worker.id, RequestKind.STALL, "fail", ANN, text="this module is removed next week")

    def cancelled(self, worker: Agent, number: int) -> None:
        """A person ended it."""
        self.played.tell(cmd.CancelAgent(agent=worker.id), ANN)

    def limit(self, worker: Agent, number: int) -> None:
        """It has come to its limit of steps."""
        while not self.played.group.agents[worker.id].hold:
            self.played.turn(worker.id, said(self.random), call("read_file", 60, path="src/client.py"))
            self.played.results(worker.id, "class Client: ...")

    def handed_back(self, worker: Agent, number: int) -> None:
        """A person did a part of it and gave the wheel back."""
        self.person(worker, number)
        note = "The callers are in checkout and refunds; keep the retry."
        record = f"You took the wheel back. {note} They searched the callers and changed nothing."
        person = self.played.group.agents[worker.id].driver
        assert person is not None
        self.played.tell(cmd.HandBack(agent=worker.id, note=note, record=record), person.member)

    def review(self, worker: Agent, number: int) -> None:
        """Its draft waits for a person."""
        self.played.turn(worker.id, "Ported; all 14 tests pass. One default changed, see the diff.", final=True)

    def tool(self, worker: Agent, number: int) -> None:
        """A call of it is running."""
        self.played.turn(
            worker.id, said(self.random), call("run_command", 50, safe=number % 60 != 0, command="pytest -q")
        )

    def driving(self, worker: Agent, number: int) -> None:
        """It is in the middle of a turn."""

    def done(self, worker: Agent, number: int) -> None:
        """It has ended."""
        self.played.turn(worker.id, f"Ported. {FINDINGS[number % len(FINDINGS)]}", final=True)


def ended(number: int, told: Told, at: int) -> PlayedGroup:
    """A finished group, or one that a person stopped; people took part in some."""
    played, rng = created(PlayedGroup(f"seedend{number}", at), told), random.Random(number)
    conducted(played, [f"{MODULES[(number * 3 + n) % len(MODULES)]}.py" for n in range(3 + number * 2)])
    for at_work, worker in enumerate(played.workers()):
        for step in range(2 + rng.randrange(4)):
            played.turn(worker.id, said(rng), call("read_file", step, path="src/client.py"), cost=0.01 * number)
            played.results(worker.id, FINDINGS[(number + step) % len(FINDINGS)])
        if at_work == 1 and number % 2:
            played.turn(worker.id, "I write it.", call("write_file", 40, ask=True, path="note.md", content=told.words))
            played.answer(worker.id, RequestKind.APPROVAL, "approve", ANN)
            played.results(worker.id, "Written.", changed=("note.md",))
        if at_work == 2 and number % 3 == 0:
            played.take_over(worker.id, PAT, partial="I am not sure whether")
            played.turn(worker.id, "I end this one myself.")
            played.tell(cmd.HandBack(agent=worker.id, note=told.words, record=f"Pat said: {told.words}"), PAT)
        if told.stopped and at_work == 1:
            played.tell(cmd.CancelGroup(), ANN)
            return played
        played.turn(worker.id, f"Done. {told.words}", final=True)
    played.turn(played.group.root, f"All of it is ported. {told.words}", final=True)
    return played


def small(name: str, at: int, told: Told, *, paused: bool) -> PlayedGroup:
    """A draft, or a group that a person paused."""
    played = created(PlayedGroup(name, at), told)
    if paused:
        conducted(played, MODULES[:4])
        played.tell(cmd.PauseGroup(), PAT)
    return played


async def seed(writer: Writer, now: int, members: tuple[Member, ...] = MEMBERS) -> list[str]:
    """Writes the house and all groups; returns the groups' ids, oldest first."""
    house = PlayedGroup(HOUSE, now - 40 * DAY_MS)
    house.tell(
        cmd.CreateGroup(
            group=HOUSE, name="House", goal="The members of this installation.", conductor=KIMI.id, members=members
        )
    )
    made = [ended(number, told, now - (30 - 4 * number) * DAY_MS) for number, told in enumerate(ENDED, 1)]
    made.append(
        small("seedpaused", now - 5 * 3_600_000, Told("Rename the metrics", "One name for each metric."), paused=True)
    )
    made.append(Busy(now - 2 * 3_600_000, members).play())
    made.append(small("seeddraft", now - 600_000, Told("Upgrade the runtime", "Python 3.13 everywhere."), paused=False))
    for played in [house, *made]:
        await played.write(writer)
    return [played.group.id for played in made]


async def many(writer: Writer, count: int, now: int) -> None:
    """Adds small groups that a person stopped, made a minute after each other, all of them before the others."""
    for number in range(count):
        told = Told(f"Ended {number}", "Nothing came of it.")
        played = created(PlayedGroup(f"seedmany{number}", now - 60 * DAY_MS + number * 60_000), told)
        played.tell(cmd.CancelGroup())
        await played.write(writer)


async def fill(home: Path, long: str = "", ended_groups: int = 0, models: str = NOWHERE) -> None:
    """Fills the ledger of a home that has none yet; says on standard output what was made and how long it took."""
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{home / 'clawgroups.db'}")
    try:
        began = time.perf_counter()
        made = await seed(ledger.writer, now_ms(), members_at(models))
        sys.stdout.write(f"{len(made)} groups in {time.perf_counter() - began:.1f} s: {' '.join(made)}\n")
        await many(ledger.writer, ended_groups, now_ms())
        if long:
            agents, steps = (int(part) for part in long.split("x"))
            began = time.perf_counter()
            steps = await LongGroup("seedlong", agents, steps).write(ledger.writer)
            taken = time.perf_counter() - began
            sys.stdout.write(f"seedlong: {steps:,} steps in {taken:.1f} s ({steps / taken:,.0f} a second)\n")
    finally:
        await ledger.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Fills a home with groups in every state.")
    parser.add_argument("--home", type=Path, required=True, help="a folder without a ledger in it")
    parser.add_argument("--long", default="", metavar="AGENTSxSTEPS", help="add a finished group of that size")
    parser.add_argument("--ended", type=int, default=0, metavar="N", help="add N small groups that were stopped")
    parser.add_argument("--models", default=NOWHERE, metavar="URL", help="where the models are, as a member's address")
    options = parser.parse_args()
    if (options.home / "clawgroups.db").exists():
        sys.exit(f"{options.home} has a ledger already; choose another --home.")
    asyncio.run(fill(options.home, options.long, options.ended, options.models))


if __name__ == "__main__":
    main()
