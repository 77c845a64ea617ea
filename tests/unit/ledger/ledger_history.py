"""Long random histories of one group, made by the rules themselves, with words that databases find hard to keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.evolve import evolve
from clawgroups.group.members import Member, MemberKind, ModelConfig
from clawgroups.group.state import AgentStatus, Fate, Group, Limits
from clawgroups.group.thread import Usage
from clawgroups.group.tools import Policy
from clawgroups.ledger.mirror import GroupCommit
from tests.unit.group.rule_world import GROUP, MEMBERS, PEOPLE, World

HOSTILE = (
    "plain words",
    "naïve 漢字 \N{GRINNING FACE} \u202eright to left\u202c e\u0301",
    "'; DROP TABLE events; -- \" ` \\ %s $1 :name ? {}",
    "NUL \x00 and \x01 \x1f \x7f \x85 \u2028 \u2029 \ufeff \ufffe",
    "half a pair \ud800 here",
    "<script>alert(1)</script>\r\n\t",
    "long " * 4_000,
    "",
)
CALLS = (
    ("read", True, Policy.ALLOW, True, '{"path": "a"}'),
    ("edit", False, Policy.ALLOW, True, "{}"),
    ("run", False, Policy.ASK, True, "{}"),
    ("ghost" * 100, False, Policy.ALLOW, False, "nonsense \x00"),
    ("create_subagent", True, Policy.ALLOW, True, '{"name": "w", "system_prompt": "p"}'),
    ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "do it"}'),
    ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "do it", "acceptance": "good"}'),
    ("ask_person", True, Policy.ALLOW, True, '{"question": "?"}'),
)
DECISIONS = (
    "approve", "edit", "supply", "deny", "answer", "accept", "reject", "retry", "reassign", "fail", "raise",
    "run_again", "leave", "resume", "take_over",
)  # fmt: skip


class History:
    """Plays a group at random; ``world`` has its events and its state. ``room`` False: as before rooms and claims."""

    def __init__(self, seed: int, *, room: bool = True) -> None:
        self.rng = random.Random(seed)
        self._room = room
        self.world = World()
        self._moves: tuple[Callable[[], object], ...] = (
            self._launch, self._turn, self._turn, self._turn, self._result, self._result, self._result, self._stopped,
            self._fail, self._late, self._lose, self._take_over, self._withdraw, self._hand_back, self._by_hand,
            self._reassign, self._steer, self._pause, self._resume, self._cancel, self._fork, self._answer,
            self._answer, self._answer, self._stand_still, self._member, self._limits, self._rules, self._wait,
            self._assign,
        )  # fmt: skip

    def play(self, moves: int) -> History:
        """Makes so many moves; the rules refuse some of them."""
        for _ in range(moves):
            self.rng.choice(self._moves)()
            self.world.at += self.rng.randint(0, 900_000)
            if self.world.group.ended_at:
                break
        return self

    def _words(self) -> str:
        return self.rng.choice(HOSTILE)

    def _agent(self) -> str:
        return self.rng.choice(list(self.world.group.agents))

    def _person(self) -> str:
        return self.rng.choice(PEOPLE)

    def _calls(self) -> tuple[cmd.ProposedCall, ...]:
        made = []
        for number in range(self.rng.randint(0, 3)):
            name, safe, policy, known, arguments = self.rng.choice(CALLS)
            call = self.rng.choice((f"c{number}", "same", f"odd\x00{number}", "x" * 300 + str(number)))
            made.append(
                cmd.ProposedCall(id=call, name=name, arguments=arguments, safe=safe, policy=policy, known=known)
            )
        return tuple(made)

    def _usage(self) -> Usage:
        huge = self.rng.choice((10, 1_000, 2**62))
        return Usage(tokens_in=huge, tokens_out=5, cached=self.rng.choice((0, 3)), cost=self.rng.choice((0, 1, 0.1)))

    def _launch(self) -> None:
        for agent in list(self.world.group.agents.values()):
            if agent.status is AgentStatus.QUEUED:
                self.world.tell(cmd.Launch(agent=agent.id), "dispatcher")

    def _turn(self) -> None:
        if not self.world.turns:
            return self._launch()
        agent_id, epoch = self.rng.choice(sorted(self.world.turns))
        self.world.turns.discard((agent_id, epoch))
        agent = self.world.group.agents[agent_id]
        calls = self._calls()
        if agent.conducts and not calls:  # else most plays end soon
            calls = (cmd.ProposedCall(id="more", name="read", arguments="{}", safe=True),)
        step = cmd.RecordStep(
            agent=agent_id, epoch=epoch, step=agent.step + 1, content=self._words(), reasoning=self._words(),
            calls=calls, usage=self._usage(), finish=self._words()[:30],
        )  # fmt: skip
        assert agent.driver is not None
        self.world.tell(step, agent.driver.member)
        return None

    def _result(self) -> None:
        running = sorted((seat, call) for seat, calls in self.world.running.items() for call in calls)
        if not running:
            return
        (agent, epoch), call = self.rng.choice(running)
        self.world.running[agent, epoch].remove(call)
        done = cmd.RecordResult(
            agent=agent, epoch=epoch, call=call, ok=self.rng.random() < 0.8, content=self._words(),
            snapshot=f"{self.rng.getrandbits(64):x}",
            changed=tuple(f"{self.rng.choice('abc')}/{self._words()[:500]}" for _ in range(self.rng.randint(0, 2))),
        )  # fmt: skip
        self.world.tell(done, "runner")

    def _stopped(self) -> None:
        if not self.world.stopping:
            return
        agent, epoch = self.rng.choice(sorted(self.world.stopping))
        self.world.stopping.discard((agent, epoch))
        calls = self.world.running.pop((agent, epoch), set())
        fates = (Fate.DONE, Fate.NOT_STARTED, Fate.UNKNOWN)
        ends = tuple(cmd.CallEnd(call, self.rng.choice(fates), self._words()) for call in sorted(calls))
        proof = cmd.ReportStopped(
            agent=agent, epoch=epoch, model_call="aborted", processes_found=2, partial=self._words(),
            partial_reasoning=self._words(), ends=ends, snapshot=self.rng.choice(("", "tree")),
        )  # fmt: skip
        self.world.tell(proof, "runner")

    def _fail(self) -> None:
        if self.world.turns and self.rng.random() < 0.3:
            agent, epoch = self.rng.choice(sorted(self.world.turns))
            self.world.turns.discard((agent, epoch))
            reason = self.rng.choice(("rate_limit", "timeout", "auth"))
            failure = cmd.ReportFailure(
                agent=agent, epoch=epoch, reason=reason, sentence=self._words(), partial=self._words()
            )
            self.world.tell(failure, "runner")

    def _late(self) -> None:
        agent = self.world.group.agents[self._agent()]
        late = cmd.KeepLateWrite(
            agent=agent.id, epoch=agent.epoch - 1, what="step", content=self._words(), by=self._words()
        )
        self.world.tell(late, "dispatcher")

    def _lose(self) -> None:
        if self.rng.random() < 0.2:
            self.world.lose_runner()

    def _take_over(self) -> None:
        self.world.tell(cmd.TakeOver(agent=self._agent(), after_step=self.rng.random() < 0.3), self._person())

    def _withdraw(self) -> None:
        self.world.tell(cmd.WithdrawTakeOver(agent=self._agent()), self._person())

    def _driven(self) -> tuple[str, str]:
        driven = [agent for agent in self.world.group.agents.values() if agent.driven_by_person and agent.driver]
        if not driven:
            return self._agent(), self._person()
        agent = self.rng.choice(driven)
        return agent.id, agent.driver.member if agent.driver else ""

    def _hand_back(self) -> None:
        agent, person = self._driven()
        self.world.tell(cmd.HandBack(agent=agent, note=self._words(), record=self._words()), person)

    def _by_hand(self) -> None:
        agent, person = self._driven()
        epoch = self.world.group.agents[agent].epoch
        step = cmd.RecordStep(agent=agent, epoch=epoch, content=self._words(), calls=self._calls(), final=False)
        self.world.tell(step, person)

    def _reassign(self) -> None:
        to = self.rng.choice(MEMBERS).id
        self.world.tell(cmd.Reassign(agent=self._agent(), to=to, reason=self._words()), self._person())

    def _steer(self) -> None:
        self.world.tell(cmd.SteerAgent(agent=self._agent(), text=self._words() or "left"), self._person())

    def _pause(self) -> None:
        self.world.tell(cmd.PauseAgent(agent=self._agent()), self._person())

    def _resume(self) -> None:
        for agent in list(self.world.group.agents):
            self.world.tell(cmd.ResumeAgent(agent=agent), self._person())

    def _cancel(self) -> None:
        agent = self._agent()
        if agent != self.world.group.root and self.rng.random() < 0.3:
            self.world.tell(cmd.CancelAgent(agent=agent, hand_up=self.rng.random() < 0.5), self._person())

    def _fork(self) -> None:
        agent = self.world.group.agents[self._agent()]
        self.world.tell(cmd.ForkAgent(agent=agent.id, step=self.rng.randint(0, agent.step)), LOCAL_ADMIN)

    def _answer(self) -> None:
        if not self.world.group.requests:
            return
        request = self.rng.choice(list(self.world.group.requests))
        for decision in self.rng.sample(DECISIONS, len(DECISIONS)):
            answer = cmd.AnswerRequest(
                request=request, decision=decision, text=self._words() or "t", arguments="{}",
                scope=self.rng.choice(("once", "tool", "group")), member="model", amount=5,
            )  # fmt: skip
            if decision == "fail" and self.rng.random() < 0.7:
                continue
            if self.world.tell(answer, self._person()) is None:
                return

    def _assign(self) -> None:
        if self.world.group.requests and self._room:
            request = self.rng.choice(list(self.world.group.requests))
            to = self.rng.choice((*PEOPLE, "", "model"))
            self.world.tell(cmd.AssignRequest(request=request, to=to), self._person())

    def _stand_still(self) -> None:
        self.world.tell(cmd.PauseGroup(), LOCAL_ADMIN)
        self._turn()
        self.world.tell(cmd.ResumeGroup(), LOCAL_ADMIN)

    def _member(self) -> None:
        config = ModelConfig(base_url="http://x", model=self._words(), price_in=0, price_out=1, temperature=1)
        name = self.rng.choice(("guest", "other", "w" * 400))
        if self.rng.random() < 0.7:
            member = Member(id=name, name=self._words(), kind=MemberKind.MODEL, model=config, skills=("a", "b"))
            self.world.tell(cmd.AddMember(member), LOCAL_ADMIN)
        else:
            self.world.tell(cmd.RemoveMember(name), LOCAL_ADMIN)

    def _limits(self) -> None:
        limits = Limits(max_live=8, max_steps=1_000, budget_usd=self.rng.choice((0, 500, 0.5)))
        self.world.tell(cmd.ChangeLimits(limits), LOCAL_ADMIN)
        self.world.tell(cmd.SetPolicy("run", self.rng.choice(tuple(Policy))), LOCAL_ADMIN)

    def _rules(self) -> None:
        if not self._room:
            return
        self.world.tell(cmd.ChangeRules(self._words(), tell_all=self.rng.random() < 0.5), LOCAL_ADMIN)
        to = tuple(self._agent() for _ in range(self.rng.randint(0, 3)))
        self.world.tell(cmd.PostMessage(self._words(), to), self._person())

    def _wait(self) -> None:
        for agent in list(self.world.group.agents.values()):
            self.world.tell(cmd.LapseLease(agent=agent.id), "dispatcher")


def commits_of(events: Sequence[ev.Recorded], largest: int, rng: random.Random) -> Iterator[GroupCommit]:
    """The same events in batches of random size, each with the state after it."""
    group, begin = Group(id=GROUP), 0
    while begin < len(events):
        batch = events[begin : begin + rng.randint(1, largest)]
        for recorded in batch:
            group = evolve(group, recorded)
        yield GroupCommit(group, batch)
        begin += len(batch)
