"""Random play against the rules: people, drivers, a runner with late and lost messages, and a clock."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clawgroups.errors import StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group.draft import LOCAL_ADMIN
from clawgroups.group.state import AgentStatus, Fate, GroupStatus, Limits, RequestKind
from clawgroups.group.thread import Usage
from clawgroups.group.tools import Policy
from tests.unit.group.rule_world import MEMBERS, PEOPLE, World

SEQUENCES, LENGTH = 10_000, 26

_number = st.integers(0, 10_000)
_person = st.sampled_from(PEOPLE)
_member = st.sampled_from([member.id for member in MEMBERS])
_call = st.sampled_from(
    [
        ("read", True, Policy.ALLOW, True, '{"path": "a"}'),
        ("edit", False, Policy.ALLOW, True, "{}"),
        ("run", False, Policy.ASK, True, "{}"),
        ("ghost", False, Policy.ALLOW, False, "nonsense"),
        ("create_subagent", True, Policy.ALLOW, True, '{"name": "w", "system_prompt": "p"}'),
        ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "do it"}'),
        ("assign_task", True, Policy.ALLOW, True, '{"agent": "w", "prompt": "do it", "acceptance": "good"}'),
        ("assign_task", True, Policy.ALLOW, True, '{"agent": 7}'),
        ("ask_person", True, Policy.ALLOW, True, '{"question": "?"}'),
        ("list_members", True, Policy.ALLOW, True, ""),
    ]
)
_calls = st.lists(_call, max_size=3)
ANSWERS = {
    RequestKind.APPROVAL: ("approve", "edit", "supply", "deny"),
    RequestKind.QUESTION: ("answer",),
    RequestKind.REVIEW: ("accept", "reject"),
    RequestKind.STALL: ("retry", "reassign", "fail"),
    RequestKind.BUDGET: ("raise", "raise", "raise", "fail"),
    RequestKind.UNKNOWN_FATE: ("run_again", "leave", "supply"),
    RequestKind.TASK: ("approve",),
}
_scope = st.sampled_from(["once", "tool", "group"])


def _proposed(calls: list[tuple[str, bool, Policy, bool, str]]) -> tuple[cmd.ProposedCall, ...]:
    return tuple(
        cmd.ProposedCall(id=f"c{i % 2}", name=name, arguments=arguments, safe=safe, policy=policy, known=known)
        for i, (name, safe, policy, known, arguments) in enumerate(calls)
    )


class Play(RuleBasedStateMachine):
    """Each rule is one thing that somebody may try; the world checks what comes of it."""

    played = 0

    def __init__(self) -> None:
        super().__init__()
        Play.played += 1
        self.world = World()

    def pick(self, number: int) -> str:
        """A sub-agent, the younger ones more often than not."""
        agents = list(self.world.group.agents)
        return agents[-1 - number % len(agents)]

    def pick_driven(self, number: int, person: str) -> tuple[str, str]:
        """A sub-agent that a person drives, and that person, three times out of four; else anything."""
        driven = [agent for agent in self.world.group.agents.values() if agent.driven_by_person]
        if not driven or number % 4 == 0:
            return self.pick(number), person
        agent = driven[number % len(driven)]
        assert agent.driver is not None
        return agent.id, agent.driver.member

    @initialize(children=st.integers(0, 3))
    def begin(self, children: int) -> None:
        """A conductor that has some children at work already, so that play goes deeper."""
        if not children:
            return
        self.launch()
        role = cmd.ProposedCall(id="r", name="create_subagent", arguments='{"name": "w", "system_prompt": "p"}')
        task = '{"agent": "w", "prompt": "do it"}'
        made = [cmd.ProposedCall(id=f"t{i}", name="assign_task", arguments=task) for i in range(children)]
        step = cmd.RecordStep(agent="g-1", epoch=1, step=1, calls=(role, *made))
        self.world.turns.discard(("g-1", 1))
        assert self.world.tell(step, "program") is None
        self.launch()

    @rule()
    def launch(self) -> None:
        for agent in list(self.world.group.agents.values()):
            if agent.status is AgentStatus.QUEUED:
                self.world.tell(cmd.Launch(agent=agent.id), "dispatcher")

    @precondition(lambda self: self.world.turns)
    @rule(number=_number, calls=_calls)
    def turn(self, number: int, calls: list[Any]) -> None:
        seats = sorted(self.world.turns)
        agent_id, epoch = seats[number % len(seats)]
        self.world.turns.discard((agent_id, epoch))
        agent = self.world.group.agents[agent_id]
        assert agent.driver is not None
        step = cmd.RecordStep(
            agent=agent_id, epoch=epoch, step=agent.step + 1, content="words", calls=_proposed(calls),
            usage=Usage(tokens_in=10, tokens_out=5, cost=0.1),
        )  # fmt: skip
        assert self.world.tell(step, agent.driver.member) is None

    @precondition(lambda self: any(self.world.running.values()))
    @rule(number=_number, ok=st.booleans())
    def result(self, number: int, ok: bool) -> None:
        running = sorted((seat, call) for seat, calls in self.world.running.items() for call in calls)
        (agent, epoch), call = running[number % len(running)]
        self.world.running[agent, epoch].remove(call)
        present = self.world.group.agents[agent].epoch
        refused = self.world.tell(cmd.RecordResult(agent=agent, epoch=epoch, call=call, ok=ok, content="r"), "runner")
        assert (refused is None) == (present == epoch)

    @precondition(lambda self: self.world.stopping)
    @rule(number=_number, fate=st.sampled_from([Fate.DONE, Fate.NOT_STARTED, Fate.UNKNOWN]), silent=st.booleans())
    def prove_a_stop(self, number: int, fate: Fate, silent: bool) -> None:
        seats = sorted(self.world.stopping)
        agent, epoch = seats[number % len(seats)]
        self.world.stopping.discard((agent, epoch))
        calls = self.world.running.pop((agent, epoch), set())
        ends = () if silent else tuple(cmd.CallEnd(call, fate, "end") for call in sorted(calls))
        report = cmd.ReportStopped(agent=agent, epoch=epoch, partial="half a", ends=ends)
        assert self.world.tell(report, "runner") is None

    @precondition(lambda self: self.world.turns)
    @rule(number=_number, reason=st.sampled_from(["rate_limit", "timeout", "auth"]))
    def fail_a_turn(self, number: int, reason: str) -> None:
        seats = sorted(self.world.turns)
        agent, epoch = seats[number % len(seats)]
        self.world.turns.discard((agent, epoch))
        failure = cmd.ReportFailure(agent=agent, epoch=epoch, reason=reason, sentence="It went wrong.")
        assert self.world.tell(failure, "runner") is None

    @rule(number=_number, back=st.integers(1, 3))
    def write_late(self, number: int, back: int) -> None:
        agent = self.world.group.agents[self.pick(number)]
        for late in (
            cmd.RecordStep(agent=agent.id, epoch=agent.epoch - back, content="late"),
            cmd.RecordResult(agent=agent.id, epoch=agent.epoch - back, call="c0", ok=True, content="late"),
        ):
            assert isinstance(self.world.tell(late, agent.driver.member if agent.driver else "model"), StaleEpoch)
        kept = cmd.KeepLateWrite(agent=agent.id, epoch=agent.epoch - back, what="step", content="late", by="model")
        assert self.world.tell(kept, "dispatcher") is None

    @precondition(lambda self: self.world.group.agents)
    @rule()
    def lose_the_runner(self) -> None:
        self.world.lose_runner()

    @rule(number=_number, person=_person, after=st.booleans())
    def take_over(self, number: int, person: str, after: bool) -> None:
        self.world.tell(cmd.TakeOver(agent=self.pick(number), after_step=after), person)

    @rule(number=_number, person=_person)
    def withdraw(self, number: int, person: str) -> None:
        self.world.tell(cmd.WithdrawTakeOver(agent=self.pick(number)), person)

    @rule(number=_number, person=_person, to=st.one_of(st.just(""), _member))
    def hand_back(self, number: int, person: str, to: str) -> None:
        agent, person = self.pick_driven(number, person)
        self.world.tell(cmd.HandBack(agent=agent, to=to, note="n", record="r"), person)

    @rule(number=_number, person=_person, to=_member)
    def reassign(self, number: int, person: str, to: str) -> None:
        self.world.tell(cmd.Reassign(agent=self.pick(number), to=to, reason="why"), person)

    @rule(number=_number, person=_person, calls=_calls, final=st.booleans())
    def work_as_a_person(self, number: int, person: str, calls: list[Any], final: bool) -> None:
        agent = self.world.group.agents[self.pick(number)]
        step = cmd.RecordStep(agent=agent.id, epoch=agent.epoch, content="by hand", calls=_proposed(calls), final=final)
        if self.world.tell(step, person) is None:
            assert agent.driver is not None
            assert agent.driver.member == person

    @rule(number=_number, person=_person)
    def steer(self, number: int, person: str) -> None:
        self.world.tell(cmd.SteerAgent(agent=self.pick(number), text="left"), person)

    @rule(number=_number, person=_person, what=st.sampled_from([cmd.PauseAgent, cmd.ResumeAgent]))
    def pause_or_resume(self, number: int, person: str, what: Any) -> None:
        self.world.tell(what(agent=self.pick(number)), person)

    @rule(number=_number, person=_person, hand_up=st.booleans())
    def cancel(self, number: int, person: str, hand_up: bool) -> None:
        self.world.tell(cmd.CancelAgent(agent=self.pick(number), hand_up=hand_up), person)

    @rule(number=_number, step=st.integers(0, 4), member=st.one_of(st.just(""), _member))
    def fork(self, number: int, step: int, member: str) -> None:
        self.world.tell(cmd.ForkAgent(agent=self.pick(number), step=step, member=member), LOCAL_ADMIN)

    @precondition(lambda self: self.world.group.requests)
    @rule(number=_number, person=_person, scope=_scope, member=_member)
    def answer(self, number: int, person: str, scope: str, member: str) -> None:
        requests = list(self.world.group.requests.values())
        request = requests[number % len(requests)]
        decisions = ANSWERS[request.kind]
        answer = cmd.AnswerRequest(
            request=request.id,
            decision=decisions[number // 7 % len(decisions)],
            text="t",
            arguments="{}",
            scope=scope,
            member=member,
            amount=5,
        )
        if self.world.tell(answer, person) is None:
            assert self.world.tell(answer, person) is not None, "a request was answered twice"

    @precondition(lambda self: self.world.group.requests)
    @rule(number=_number, person=_person, scope=_scope, member=_member)
    def answer_again(self, number: int, person: str, scope: str, member: str) -> None:
        self.answer(number, person, scope, member)

    @precondition(lambda self: self.world.turns)
    @rule(number=_number, calls=_calls)
    def another_turn(self, number: int, calls: list[Any]) -> None:
        self.turn(number, calls)

    @rule(seconds=st.sampled_from([1, 30, 130]))
    def wait(self, seconds: int) -> None:
        self.world.at += seconds * 1_000
        for agent in list(self.world.group.agents.values()):
            self.world.tell(cmd.LapseLease(agent=agent.id), "dispatcher")

    @rule(what=st.sampled_from([cmd.PauseGroup(), cmd.ResumeGroup(), cmd.ResumeGroup()]))
    def pause_or_resume_everybody(self, what: cmd.Command) -> None:
        self.world.tell(what, LOCAL_ADMIN)

    @rule(
        steps=st.integers(1, 60),
        live=st.integers(1, 8),
        tool=st.sampled_from(["run", "edit"]),
        policy=st.sampled_from(Policy),
    )
    def change_limits_and_policies(self, steps: int, live: int, tool: str, policy: Policy) -> None:
        self.world.tell(cmd.ChangeLimits(Limits(max_live=live, max_steps=steps)), LOCAL_ADMIN)
        self.world.tell(cmd.SetPolicy(tool, policy), LOCAL_ADMIN)

    @invariant()
    def promises_hold(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.check_history()
            if all(agent.ended for agent in self.world.group.agents.values()):
                assert self.world.group.status in (GroupStatus.FINISHED, GroupStatus.CANCELLED)


def test_ten_thousand_random_plays_keep_every_promise() -> None:
    Play.played = 0
    run_state_machine_as_test(
        Play,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=LENGTH,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Play.played >= SEQUENCES
