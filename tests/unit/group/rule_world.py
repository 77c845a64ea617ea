"""A small world around the rules: an honest runner, people and a clock, for random play."""

from __future__ import annotations

from clawgroups.errors import ClawError, Invalid, NotFound, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.decide import decide
from clawgroups.group.draft import LOCAL_ADMIN, Decision
from clawgroups.group.evolve import evolve
from clawgroups.group.members import Member, MemberKind, ModelConfig, ProgramConfig
from clawgroups.group.rules_lease import is_lapse
from clawgroups.group.state import Agent, AgentStatus, CallStatus, Group, Limits, RequestKind, WaitReason

GROUP = "g"
PEOPLE = (LOCAL_ADMIN, "ann")
MEMBERS = (
    Member(id="program", name="Program", kind=MemberKind.PROGRAM, program=ProgramConfig(command=("true",))),
    Member(id="model", name="M", kind=MemberKind.MODEL, capacity=3, model=ModelConfig(base_url="http://x", model="m")),
    Member(id=LOCAL_ADMIN, name="You", kind=MemberKind.PERSON),
    Member(id="ann", name="Ann", kind=MemberKind.PERSON),
)  # fmt: skip
Seat = tuple[str, int]


class World:
    """The state of one group and what a runner would be doing for it."""

    def __init__(self) -> None:
        self.group = Group(id=GROUP)
        self.at = 1_000_000
        self.events: list[ev.Recorded] = []
        self.told: list[tuple[str, cmd.Command]] = []
        self.effects: tuple[fx.Effect, ...] = ()  # of the last command that was allowed
        self.turns: set[Seat] = set()  # may take a turn now
        self.running: dict[Seat, set[str]] = {}  # released calls
        self.stopping: set[Seat] = set()  # were told to stop and owe the proof
        self.lapsed: set[str] = set()  # lost their person by a lapse, and nobody has decided what comes next
        self.tell(
            cmd.CreateGroup(
                group=GROUP, name="n", goal="g", conductor="program", worker="model", members=MEMBERS,
                limits=Limits(max_live=6, max_steps=40),
            ),
            LOCAL_ADMIN,
        )  # fmt: skip
        self.tell(cmd.StartGroup(), LOCAL_ADMIN)

    def tell(self, command: cmd.Command, actor: str) -> ClawError | None:
        """Judges a command; whatever but a clear refusal is a bug. Returns the refusal."""
        before = self.group
        self.told.append((actor, command))
        try:
            decision = decide(before, command, actor=actor, at=self.at)
        except (Refused, NotFound, Invalid) as error:
            return error
        self._follow(decision)
        return None

    def _follow(self, decision: Decision) -> None:
        for recorded in decision.events:
            assert recorded.seq == len(self.events) + 1
            self.events.append(recorded)
            self._follow_lapse(recorded.event)
        old, self.group, self.effects = self.group, decision.group, decision.effects
        for agent in decision.group.agents.values():
            if agent.id in old.agents:
                assert agent.epoch >= old.agents[agent.id].epoch, f"the epoch of {agent.id} falls"
        for effect in decision.effects:
            self._carry_out(effect)

    def _follow_lapse(self, event: ev.Event) -> None:
        match event:
            case ev.LeaseLapsed():
                self.lapsed.add(event.agent)
            case (
                ev.TakenOver() | ev.Reassigned() | ev.AgentResumed()
                | ev.AgentFinished() | ev.AgentFailed() | ev.AgentCancelled()
            ):  # fmt: skip
                self.lapsed.discard(event.agent)

    def _carry_out(self, effect: fx.Effect) -> None:
        agent = self.group.agents[effect.agent]
        seat = (agent.id, agent.epoch)
        match effect:
            case fx.Drive():
                self._seat(agent)
            case fx.Stop():
                self.turns.discard((agent.id, effect.epoch))
                if effect.report:
                    self.stopping.add((agent.id, effect.epoch))
                else:
                    self.running.pop((agent.id, effect.epoch), None)
            case fx.Release():
                self.running.setdefault(seat, set()).add(effect.call)
            case fx.Proceed():
                assert seat not in self.turns, f"{agent} is told to go on in the middle of a turn"
                self.turns.add(seat)
            case _:
                assert isinstance(effect, fx.Tell)

    def _seat(self, agent: Agent) -> None:
        if agent.driver is None or agent.seat != agent.epoch:
            return  # the wheel moved on within the same decision
        assert not any(stopping == agent.id for stopping, _ in self.stopping), f"two drivers at {agent}"
        seat = (agent.id, agent.epoch)
        released = {call.id for call in agent.calls if call.status is CallStatus.RELEASED}
        if released:
            self.running[seat] = released
        elif agent.status is AgentStatus.DRIVING and not agent.calls and not agent.driven_by_person:
            self.turns.add(seat)

    def lose_runner(self) -> None:
        """The runner is gone with everything it ran; each of its seats is reported."""
        self.turns.clear()
        self.running.clear()
        self.stopping.clear()
        for agent in list(self.group.agents.values()):
            assert self.tell(cmd.LoseSeat(agent=agent.id, reason="killed"), "dispatcher") is None

    # --- promises --------------------------------------------------------------------------------------

    def check(self) -> None:
        """What must hold after every command."""
        for agent in self.group.agents.values():
            self._check_wheel(agent)
            if agent.ended:
                assert not agent.steers
                assert agent.driver is None
            else:
                self._check_not_stuck(agent)
                self._check_told(agent)
        assert not self.group.ended_at or all(agent.ended for agent in self.group.agents.values())
        for request in self.group.requests.values():
            assert not self.group.agents[request.agent].ended, f"{request} belongs to nobody"
        asked = sorted(request.agent for request in self.group.requests.values() if is_lapse(request))
        assert asked == sorted(self.lapsed), "who lost their person by a lapse is asked about, once, and nobody else"

    def _check_wheel(self, agent: Agent) -> None:
        at_the_wheel = agent.status in (AgentStatus.DRIVING, AgentStatus.WAITING)
        assert agent.seat <= agent.epoch
        assert (agent.driver is not None) == (at_the_wheel or agent.status is AgentStatus.HANDING_OVER)
        if agent.status is AgentStatus.HANDING_OVER:
            assert 0 < agent.seat < agent.epoch, agent
        if at_the_wheel and not agent.hold:
            assert agent.seat == agent.epoch, f"the driver of {agent} has no seat"
        if agent.seat and agent.seat < agent.epoch:
            assert (agent.id, agent.seat) in self.stopping, f"nobody will prove the stop of {agent}"

    def _check_told(self, agent: Agent) -> None:
        """Who drives has been told what it has to know; a conductor knows of the drafts that wait for it."""
        if agent.driver is not None and not agent.driven_by_person:
            assert not agent.untold, f"nobody has told {agent} what a person did"
        if agent.briefing is not None:
            assert 0 < agent.seat < agent.epoch, f"nobody will write the record of {agent}'s reassignment"
        if agent.conductor_reviews and agent.hold is WaitReason.REVIEW:
            parent = self.group.agents.get(agent.parent)
            assert parent is None or not parent.call(agent.parent_call), f"the draft of {agent} is kept from {parent}"

    def _check_not_stuck(self, agent: Agent) -> None:
        """Somebody or something can move it on."""
        seat = (agent.id, agent.epoch)
        if agent.status is AgentStatus.DRIVING and not agent.driven_by_person:
            released = {call.id for call in agent.calls if call.status is CallStatus.RELEASED}
            if released:
                assert released <= self.running.get(seat, set()), f"nobody runs {released} of {agent}"
            else:
                assert seat in self.turns, f"nobody takes the turn of {agent}"
        if agent.status is AgentStatus.WAITING:
            self._check_wait(agent)
        for call in agent.calls:
            self._check_call(agent, call.id, call.status)

    def _check_wait(self, agent: Agent) -> None:
        asked = {request.kind for request in self.group.requests.values() if request.agent == agent.id}
        if agent.wait is WaitReason.BUDGET:
            assert any(request.kind is RequestKind.BUDGET for request in self.group.requests.values()), agent
        elif agent.wait is WaitReason.REVIEW:
            assert RequestKind.REVIEW in asked, agent
        elif agent.wait in (WaitReason.APPROVAL, WaitReason.ANSWER):
            assert asked, agent
        else:
            assert agent.wait is WaitReason.CHILDREN, agent

    def _check_call(self, agent: Agent, call: str, status: CallStatus) -> None:
        if status is CallStatus.CHILD:
            children = [c for c in self.group.agents.values() if c.parent_call == call and c.parent == agent.id]
            assert any(not child.ended for child in children), f"no child answers {call} of {agent}"
        elif status in (CallStatus.ASKING, CallStatus.ANSWER, CallStatus.UNKNOWN):
            asked = [r for r in self.group.requests.values() if r.agent == agent.id and r.call == call]
            assert asked, f"nobody is asked about {call} of {agent}"

    def check_history(self) -> None:
        """What must hold for the whole record: a replay gives the state, and no call or step is lost or doubled."""
        replayed = Group(id=GROUP)
        open_calls: dict[str, set[str]] = {}
        steps: dict[str, int] = {}
        for recorded in self.events:
            replayed = evolve(replayed, recorded)
            event = recorded.event
            if isinstance(event, ev.AgentCreated):
                steps[event.agent], open_calls[event.agent] = event.forked_step, set()
            elif isinstance(event, ev.StepCommitted):
                assert event.step == steps[event.agent] + 1
                assert event.epoch == recorded.epoch
                assert not open_calls[event.agent], f"{open_calls} dangle under step {event.step}"
                steps[event.agent] = event.step
                open_calls[event.agent] = {call.id for call in event.calls}
                assert len(open_calls[event.agent]) == len(event.calls)
            elif isinstance(event, ev.CallClosed):
                assert event.call in open_calls[event.agent], f"{event.call} is closed twice"
                open_calls[event.agent].remove(event.call)
        assert replayed == self.group
