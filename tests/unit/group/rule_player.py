"""What people, drivers, a runner and a clock may try next. A move is a method that takes its choices from dice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from clawgroups.errors import Refused, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.members import MemberKind
from clawgroups.group.state import Agent, AgentStatus, Fate, Limits, RequestKind, WaitReason
from clawgroups.group.thread import Usage
from clawgroups.group.tools import Policy
from tests.unit.group.rule_world import MEMBERS, PEOPLE, World

T = TypeVar("T")
ROLE = '{"name": "w", "system_prompt": "p"}'
TASK = '{"agent": "w", "prompt": "do it"}'
DRAFT = '{"agent": "w", "prompt": "do it", "review": "conductor"}'
CALLS = (
    ("read", True, Policy.ALLOW, True, '{"path": "a"}'),
    ("edit", False, Policy.ALLOW, True, "{}"),
    ("run", False, Policy.ASK, True, "{}"),
    ("ghost", False, Policy.ALLOW, False, "nonsense"),
    ("create_subagent", True, Policy.ALLOW, True, ROLE),
    ("assign_task", True, Policy.ALLOW, True, TASK),
    ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "do it", "acceptance": "good"}'),
    ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "then", "depends_on": ["do it"]}'),
    ("assign_task", True, Policy.ASK, True, TASK),
    ("assign_task", True, Policy.ALLOW, True, '{"agent": 7}'),
    ("ask_person", True, Policy.ALLOW, True, '{"question": "?"}'),
    ("list_members", True, Policy.ALLOW, True, ""),
    ("assign_task", True, Policy.ALLOW, True, DRAFT),
    ("review", True, Policy.ALLOW, True, '{"agent": "do it", "decision": "accept"}'),
    ("review", True, Policy.ALLOW, True, '{"agent": "do it", "decision": "reject", "reasons": "too short"}'),
    ("review", True, Policy.ASK, True, '{"agent": "do it", "decision": "reject", "reasons": "too long"}'),
    ("reassign_task", True, Policy.ALLOW, True, '{"agent": "do it", "member": "ann"}'),
    ("reassign_task", True, Policy.ALLOW, True, '{"agent": "do it", "member": "program", "reason": "slow"}'),
    ("finish", True, Policy.ALLOW, True, '{"result": "all done"}'),
)
ANSWERS = {
    RequestKind.APPROVAL: ("approve", "edit", "supply", "deny"),
    RequestKind.QUESTION: ("answer",),
    RequestKind.REVIEW: ("accept", "reject"),
    RequestKind.STALL: ("retry", "resume", "take_over", "reassign", "fail"),
    RequestKind.BUDGET: ("raise", "raise", "raise", "fail"),
    RequestKind.UNKNOWN_FATE: ("run_again", "leave", "supply"),
    RequestKind.TASK: ("approve",),
}


class Dice:
    """One number from which a move takes all its choices; 0 takes the first of each."""

    def __init__(self, number: int) -> None:
        self._left = number

    def number(self, below: int) -> int:
        self._left, taken = divmod(self._left, below)
        return taken

    def pick(self, among: Sequence[T]) -> T:
        return among[self.number(len(among))]


class Player:
    """Makes moves in a world. A move that cannot be made now comes to nothing."""

    def __init__(self, world: World) -> None:
        self.world = world

    def begin(self, children: int) -> None:
        """A conductor that has some children at work already, so that play goes deeper."""
        self.launch(Dice(0))
        role = cmd.ProposedCall(id="r", name="create_subagent", arguments=ROLE)
        tasks = [(TASK, DRAFT)[i % 2] for i in range(children)]
        made = [cmd.ProposedCall(id=f"t{i}", name="assign_task", arguments=task) for i, task in enumerate(tasks)]
        self.world.turns.discard(("g-1", 1))
        step = cmd.RecordStep(agent="g-1", epoch=1, step=1, calls=(role, *made), final=False)
        assert self.world.tell(step, "program") is None
        self.launch(Dice(0))

    def _agent(self, dice: Dice) -> Agent:
        """A sub-agent, the youngest first."""
        agents = list(self.world.group.agents.values())
        return agents[-1 - dice.number(len(agents))]

    def _driven(self, dice: Dice, person: str) -> tuple[Agent, str]:
        """A sub-agent that a person drives, and that person, three times out of four; else anything."""
        driven = [agent for agent in self.world.group.agents.values() if agent.driven_by_person]
        if not driven or dice.number(4) == 3:
            return self._agent(dice), person
        agent = dice.pick(driven)
        assert agent.driver is not None
        return agent, agent.driver.member

    def _calls(self, dice: Dice) -> tuple[cmd.ProposedCall, ...]:
        drawn = [dice.pick(CALLS) for _ in range(dice.number(4))]
        return tuple(
            cmd.ProposedCall(id=f"c{i % 2}", name=name, arguments=arguments, safe=safe, policy=policy, known=known)
            for i, (name, safe, policy, known, arguments) in enumerate(drawn)
        )

    def rest(self, dice: Dice) -> None:
        """Nothing; a shrunken example is full of it."""

    def launch(self, dice: Dice) -> None:
        for agent in list(self.world.group.agents.values()):
            if agent.status is AgentStatus.QUEUED:
                self.world.tell(cmd.Launch(agent=agent.id), "dispatcher")

    def turn(self, dice: Dice) -> None:
        if not self.world.turns:
            return self.launch(dice)
        self._take(*dice.pick(sorted(self.world.turns)), self._calls(dice))

    def _take(self, agent_id: str, epoch: int, calls: tuple[cmd.ProposedCall, ...]) -> None:
        self.world.turns.discard((agent_id, epoch))
        agent = self.world.group.agents[agent_id]
        assert agent.driver is not None
        step = cmd.RecordStep(
            agent=agent_id, epoch=epoch, step=agent.step + 1, content="words", calls=calls,
            usage=Usage(tokens_in=10, tokens_out=5, cost=0.1),
        )  # fmt: skip
        assert self.world.tell(step, agent.driver.member) is None

    def judge(self, dice: Dice) -> None:
        """A conductor's turn about the sub-agents that it has: drafts first."""
        children = {a: self.world.group.children(a) for a, _ in self.world.turns if self.world.group.agents[a].conducts}
        seats = sorted(seat for seat in self.world.turns if children.get(seat[0]))
        if not seats:
            return self.turn(dice)
        seat = dice.pick(seats)
        drafts = [child for child in children[seat[0]] if child.hold is WaitReason.REVIEW]
        calls = [self._judgement(dice, n, dice.pick(drafts or children[seat[0]])) for n in range(1 + dice.number(2))]
        self._take(*seat, tuple(calls))

    def _judgement(self, dice: Dice, number: int, child: Agent) -> cmd.ProposedCall:
        tool, given = dice.pick((
            ("review", {"agent": child.id, "decision": "accept"}),
            ("review", {"agent": child.id, "decision": "reject", "reasons": "too short"}),
            ("reassign_task", {"agent": child.id, "member": dice.pick(MEMBERS).id}),
        ))  # fmt: skip
        return cmd.ProposedCall(id=f"c{number}", name=tool, arguments=json.dumps(given), safe=True)

    def result(self, dice: Dice) -> None:
        running = sorted((seat, call) for seat, calls in self.world.running.items() for call in calls)
        if not running:
            return self.turn(dice)
        (agent, epoch), call = dice.pick(running)
        self.world.running[agent, epoch].remove(call)
        present = self.world.group.agents[agent].epoch
        result = cmd.RecordResult(agent=agent, epoch=epoch, call=call, ok=dice.number(2) == 0, content="r")
        assert (self.world.tell(result, "runner") is None) == (present == epoch)

    def prove_a_stop(self, dice: Dice) -> None:
        if not self.world.stopping:
            return self.result(dice)
        agent, epoch = dice.pick(sorted(self.world.stopping))
        self.world.stopping.discard((agent, epoch))
        calls = self.world.running.pop((agent, epoch), set())
        fate = dice.pick([Fate.DONE, Fate.NOT_STARTED, Fate.UNKNOWN])
        ends = () if dice.number(2) else tuple(cmd.CallEnd(call, fate, "end") for call in sorted(calls))
        report = cmd.ReportStopped(agent=agent, epoch=epoch, partial="half a", ends=ends)
        assert self.world.tell(report, "runner") is None

    def fail(self, dice: Dice) -> None:
        """A driver's turn fails, or its seat breaks while it waits or runs tools."""
        seats = [(a.id, a.epoch) for a in self.world.group.agents.values() if a.seat == a.epoch and a.driver]
        if not seats:
            return
        agent, epoch = dice.pick(sorted(self.world.turns & set(seats)) or seats)
        self.world.turns.discard((agent, epoch))
        self.world.running.pop((agent, epoch), None)
        reason = dice.pick(["rate_limit", "timeout", "auth"])
        failure = cmd.ReportFailure(agent=agent, epoch=epoch, reason=reason, sentence="It went wrong.")
        assert self.world.tell(failure, "runner") is None

    def write_late(self, dice: Dice) -> None:
        agent, back = self._agent(dice), dice.number(3) + 1
        driver = agent.driver.member if agent.driver else "model"
        step = cmd.RecordStep(agent=agent.id, epoch=agent.epoch - back, content="late")
        result = cmd.RecordResult(agent=agent.id, epoch=agent.epoch - back, call="c0", ok=True, content="late")
        assert isinstance(self.world.tell(step, driver), StaleEpoch)
        assert isinstance(self.world.tell(result, driver), StaleEpoch)
        kept = cmd.KeepLateWrite(agent=agent.id, epoch=agent.epoch - back, what="step", content="late", by="model")
        assert self.world.tell(kept, "dispatcher") is None

    def lose_the_runner(self, dice: Dice) -> None:
        self.world.lose_runner()

    def take_over(self, dice: Dice) -> None:
        after, person = dice.number(2) == 1, dice.pick(PEOPLE)
        self.world.tell(cmd.TakeOver(agent=self._agent(dice).id, after_step=after), person)

    def withdraw(self, dice: Dice) -> None:
        person = dice.pick(PEOPLE)
        self.world.tell(cmd.WithdrawTakeOver(agent=self._agent(dice).id), person)

    def renew_lease(self, dice: Dice) -> None:
        agent, person = self._driven(dice, dice.pick(PEOPLE))
        self.world.tell(cmd.RenewLease(agent=agent.id, epoch=agent.epoch), person)

    def hand_back(self, dice: Dice) -> None:
        agent, person = self._driven(dice, dice.pick(PEOPLE))
        to = dice.pick(["", *(member.id for member in MEMBERS)])
        one_step = dice.number(3) == 1
        self.world.tell(cmd.HandBack(agent=agent.id, to=to, note="n", record="r", one_step=one_step), person)

    def reassign(self, dice: Dice) -> None:
        person, to = dice.pick(PEOPLE), dice.pick(MEMBERS).id
        self.world.tell(cmd.Reassign(agent=self._agent(dice).id, to=to, reason="why"), person)

    def work_as_a_person(self, dice: Dice) -> None:
        agent, person = self._driven(dice, dice.pick(PEOPLE))
        final, calls = dice.number(2) == 1, self._calls(dice)
        step = cmd.RecordStep(agent=agent.id, epoch=agent.epoch, content="by hand", calls=calls, final=final)
        if self.world.tell(step, person) is None:
            assert agent.driver is not None
            assert agent.driver.member == person
            assert agent.driver.kind is MemberKind.PERSON

    def steer(self, dice: Dice) -> None:
        person = dice.pick(PEOPLE)
        self.world.tell(cmd.SteerAgent(agent=self._agent(dice).id, text="left"), person)
        if dice.number(4) == 0:
            to = tuple(self._agent(dice).id for _ in range(dice.number(3)))
            self.world.tell(cmd.PostMessage("to the room", to), person)

    def pause(self, dice: Dice) -> None:
        self.world.tell(cmd.PauseAgent(agent=self._agent(dice).id), LOCAL_ADMIN)

    def resume(self, dice: Dice) -> None:
        self.world.tell(cmd.ResumeAgent(agent=self._agent(dice).id), LOCAL_ADMIN)

    def cancel(self, dice: Dice) -> None:
        hand_up = dice.number(2) == 1
        self.world.tell(cmd.CancelAgent(agent=self._agent(dice).id, hand_up=hand_up), LOCAL_ADMIN)

    def fork(self, dice: Dice) -> None:
        step, member = dice.number(5), dice.pick(["", *(member.id for member in MEMBERS)])
        instead = dice.number(4) == 1
        command = cmd.ForkAgent(agent=self._agent(dice).id, step=step, member=member, instead=instead)
        self.world.tell(command, LOCAL_ADMIN)

    def create(self, dice: Dice) -> None:
        parent = dice.pick(["", self._agent(dice).id])
        create = cmd.CreateAgent(name="extra", task="by hand", member=dice.pick(MEMBERS).id, parent=parent)
        self.world.tell(create, LOCAL_ADMIN)

    def answer(self, dice: Dice) -> None:
        requests = list(self.world.group.requests.values())
        if not requests:
            return self.prove_a_stop(dice)
        request, person = dice.pick(requests), dice.pick(PEOPLE)
        answer = cmd.AnswerRequest(
            request=request.id, decision=dice.pick(ANSWERS[request.kind]), text="t", arguments="{}",
            scope=dice.pick(["once", "tool", "group"]), member=dice.pick(MEMBERS).id, amount=5,
        )  # fmt: skip
        if self.world.tell(answer, person) is None:
            assert self.world.tell(answer, person) is not None, "a request was answered twice"

    def assign(self, dice: Dice) -> None:
        """Claims, gives and lets go; what another has is then answered by nobody else."""
        requests = list(self.world.group.requests.values())
        if not requests:
            return self.turn(dice)
        request, person = dice.pick(requests), dice.pick(PEOPLE)
        to, was = dice.pick([person, "", *(member.id for member in MEMBERS)]), dice.pick([None, "", request.assigned])
        if self.world.tell(cmd.AssignRequest(request=request.id, to=to, was=was), person) is not None:
            return None
        has = self.world.group.requests[request.id].assigned
        assert has == to or (not to and was not in (None, has))
        decision = dice.pick(ANSWERS[request.kind])
        answer = cmd.AnswerRequest(request=request.id, decision=decision, text="t", arguments="{}", amount=5)
        for other in PEOPLE:
            if has not in ("", other):
                error = self.world.tell(answer, other)
                assert isinstance(error, Refused)
                assert error.rule == "assigned"
        return None

    def wait(self, dice: Dice) -> None:
        self.world.at += dice.pick([1, 30, 130]) * 1_000
        for agent in list(self.world.group.agents.values()):
            self.world.tell(cmd.LapseLease(agent=agent.id), "dispatcher")

    def pause_everybody(self, dice: Dice) -> None:
        self.world.tell(cmd.PauseGroup(), LOCAL_ADMIN)

    def resume_everybody(self, dice: Dice) -> None:
        self.world.tell(cmd.ResumeGroup(), LOCAL_ADMIN)

    def change_limits(self, dice: Dice) -> None:
        limits = Limits(
            max_live=1 + dice.number(8), max_steps=1 + dice.number(60),
            agent_steps=dice.pick([4_000, 3]), budget_usd=dice.pick([0.0, 1.0]),
        )  # fmt: skip
        self.world.tell(cmd.ChangeLimits(limits), LOCAL_ADMIN)

    def change_policies(self, dice: Dice) -> None:
        tool = dice.pick(["run", "edit", "assign_task", "ask_person", "review"])
        self.world.tell(cmd.SetPolicy(tool, dice.pick(list(Policy))), LOCAL_ADMIN)


OFTEN: tuple[Callable[[Player, Dice], None], ...] = (
    Player.turn, Player.result, Player.launch, Player.judge, Player.answer, Player.prove_a_stop,
    Player.work_as_a_person,
)  # fmt: skip
SOMETIMES: tuple[Callable[[Player, Dice], None], ...] = (
    Player.take_over, Player.hand_back, Player.reassign, Player.pause, Player.resume, Player.steer, Player.cancel,
    Player.fork, Player.fail, Player.lose_the_runner, Player.write_late, Player.withdraw, Player.renew_lease,
    Player.create, Player.wait, Player.pause_everybody, Player.resume_everybody, Player.change_limits,
    Player.change_policies, Player.assign,
)  # fmt: skip
MOVES = {move.__name__: move for move in (Player.rest, *OFTEN, *SOMETIMES)}
_BY_BYTE = [move.__name__ for move in (*OFTEN, *OFTEN, *OFTEN, *SOMETIMES)]


def move_of(byte: int) -> str:
    """Which move a drawn byte means; 0 is none, so that an example shrinks to the moves that matter."""
    return _BY_BYTE[(byte - 1) % len(_BY_BYTE)] if byte else "rest"
