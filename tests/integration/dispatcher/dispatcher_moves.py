"""The moves of two people and of bad luck in a world. A refusal by the rules is a fine answer to any of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dispatcher_world import GROUP, World

from clawgroups.errors import ClawError, LedgerStopped
from clawgroups.group import commands as cmd
from clawgroups.group.state import Agent, AgentStatus, Limits
from clawgroups.ids import now_ms

Move = Callable[[World, Agent, str, int], Awaitable[object]]
DRIVERS = ("ada", "bob", "pat", "you")
DECISIONS = ("approve", "deny", "edit", "supply", "answer", "run_again", "leave", "retry", "reassign", "fail", "raise")


async def quietly(world: World, name: str, pick: int, actor: str, n: int) -> None:
    """Makes a move; what the rules refuse is refused."""
    agents = list(world.rig.group(GROUP).agents.values())
    agent = agents[pick % len(agents)]
    try:
        async with asyncio.timeout(12.0):
            await MOVES[name](world, agent, actor, n)
    except LedgerStopped:
        raise
    except ClawError:
        return
    finally:
        _look(world)


def _look(world: World) -> None:
    """While a person drives, no other driver is at work (promise 2)."""
    for agent in world.rig.group(GROUP).agents.values():
        if agent.driven_by_person and agent.status is AgentStatus.DRIVING:
            assert not world.at_work[agent.id], f"{agent.id} is driven by a person, and {world.at_work[agent.id]}"


def _command(make: Callable[[Agent, int], cmd.Command]) -> Move:
    async def move(world: World, agent: Agent, actor: str, n: int) -> object:
        return await world.rig.do(make(agent, n), actor, GROUP)

    return move


async def _hand_back(world: World, agent: Agent, actor: str, n: int) -> object:
    to = ("", "ada", "bob", "pat")[n % 4]
    return await world.rig.dispatcher.people.hand_back(agent.id, actor, epoch=agent.epoch, to=to, note="so far")


async def _give_away(world: World, agent: Agent, actor: str, n: int) -> object:
    return await world.rig.dispatcher.people.hand_back(agent.id, actor, epoch=None, to="ada", note="")


async def _reassign(world: World, agent: Agent, actor: str, n: int) -> object:
    return await world.rig.dispatcher.people.reassign(agent.id, actor, to=DRIVERS[n % 4], reason="because")


async def _turn(world: World, agent: Agent, actor: str, n: int) -> object:
    path = {"path": "hand.txt", "content": f"{n}"} if n % 2 else {"path": "."}
    calls = [("", "write_file" if n % 2 else "list_files", path)] if n % 3 else []
    content = f"by hand {now_ms()} {n}"
    made = await world.rig.dispatcher.people.step(
        agent.id, actor, epoch=agent.epoch, content=content, calls=calls, result=n % 7 == 6 and not calls
    )
    world.acknowledged(agent.id, cmd.RecordStep(agent=agent.id, epoch=agent.epoch, content=content))
    return made


async def _answer(world: World, agent: Agent, actor: str, n: int) -> object:
    open_now = list(world.rig.group(GROUP).requests)
    if not open_now:
        return None
    answer = cmd.AnswerRequest(
        request=open_now[n % len(open_now)],
        decision=DECISIONS[n % len(DECISIONS)],
        text="words",
        arguments='{"path": "."}',
        scope=("once", "tool", "group")[n % 3],
        member=DRIVERS[n % 4],
        amount=50,
    )
    return await world.rig.do(answer, actor, GROUP)


async def _limit(world: World, agent: Agent, actor: str, n: int) -> object:
    limits = Limits(max_live=1 + n % 5, max_steps=world.rig.group(GROUP).steps + 1 + n % 10, agent_steps=50)
    return await world.rig.do(cmd.ChangeLimits(limits), actor, GROUP)


async def _read(world: World, agent: Agent, actor: str, n: int) -> object:
    """A watcher looks at everything."""
    await world.rig.dispatcher.news.snapshot(GROUP)
    await world.rig.dispatcher.pages.transcript(agent.id, after=0, before=0, limit=50)
    return await world.rig.dispatcher.pages.agent(agent.id)


async def _wait(world: World, agent: Agent, actor: str, n: int) -> object:
    return await asyncio.sleep(n % 12 * 0.003)


async def _both(world: World, agent: Agent, actor: str, n: int) -> object:
    """Both people reach for the wheel at the same instant: one gets it."""
    asked = [world.rig.do(cmd.TakeOver(agent=agent.id), person, GROUP) for person in ("you", "pat")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) <= 1, answers
    return answers


MOVES: dict[str, Move] = {
    "wait": _wait,
    "take_now": _command(lambda a, n: cmd.TakeOver(agent=a.id, lease_ms=60_000 if n % 5 else 30)),
    "take_after": _command(lambda a, n: cmd.TakeOver(agent=a.id, after_step=True)),
    "take_both": _both,
    "withdraw": _command(lambda a, n: cmd.WithdrawTakeOver(agent=a.id)),
    "hand_back": _hand_back,
    "give_away": _give_away,
    "reassign": _reassign,
    "turn": _turn,
    "steer": _command(lambda a, n: cmd.SteerAgent(agent=a.id, text=f"word {n}")),
    "pause": _command(lambda a, n: cmd.PauseAgent(agent=a.id)),
    "resume": _command(lambda a, n: cmd.ResumeAgent(agent=a.id)),
    "cancel": _command(lambda a, n: cmd.CancelAgent(agent=a.id, hand_up=bool(n % 2))),
    "fork": _command(lambda a, n: cmd.ForkAgent(agent=a.id, step=n % (a.step + 1))),
    "rewind": _command(lambda a, n: cmd.ForkAgent(agent=a.id, step=n % (a.step + 1), instead=True)),
    "answer": _answer,
    "limit": _limit,
    "pause_group": _command(lambda a, n: cmd.PauseGroup()),
    "resume_group": _command(lambda a, n: cmd.ResumeGroup()),
    "read": _read,
    "lose_runner": lambda world, agent, actor, n: world.lose_runner(),
    "drop_link": lambda world, agent, actor, n: world.drop_link(),
    "restart": lambda world, agent, actor, n: world.restart(crash=False),
    "crash": lambda world, agent, actor, n: world.restart(crash=True),
}
