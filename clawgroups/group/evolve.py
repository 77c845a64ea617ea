"""Applies one recorded event to a group's state. Knows what an event means, never whether it should happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from clawgroups.group import events as ev
from clawgroups.group.members import MemberKind
from clawgroups.group.state import (
    Agent,
    AgentStatus,
    Call,
    CallStatus,
    Group,
    GroupStatus,
    Request,
    RoleSpec,
    Seat,
    Steer,
    WaitReason,
)
from clawgroups.group.transitions import allowed

E = TypeVar("E", bound=ev.Event)
A = TypeVar("A", bound=ev.AgentEvent)

_group_rules: dict[type[ev.Event], Callable[[Group, Any, int], Group]] = {}
_agent_rules: dict[type[ev.AgentEvent], Callable[[Agent, Any, int], Agent]] = {}


class IllegalEvent(Exception):
    """An event that the table of states does not allow; the state is unchanged."""


def evolve(group: Group, recorded: ev.Recorded) -> Group:
    """The state after ``recorded``. Raises IllegalEvent and changes nothing when the table forbids it."""
    event, at = recorded.event, recorded.at
    group_rule = _group_rules.get(type(event))
    after = group_rule(group, event, at) if group_rule else group
    if isinstance(event, ev.AgentEvent) and not isinstance(event, ev.AgentCreated):
        after = _evolve_agent(after, event, at)
    return replace(after, seq=recorded.seq)


def _evolve_agent(group: Group, event: ev.AgentEvent, at: int) -> Group:
    agent = group.agents.get(event.agent)
    if agent is None:
        raise IllegalEvent(f"{type(event).__name__} for {event.agent}, which does not exist")
    rule = _agent_rules.get(type(event))
    changed = rule(agent, event, at) if rule else agent
    if changed.status is agent.status and changed.status in (AgentStatus.DRIVING, AgentStatus.WAITING):
        changed = settle(changed)
    if not allowed(type(event), agent.status, changed.status):
        raise IllegalEvent(f"{type(event).__name__} from {agent.status} to {changed.status} ({agent.id})")
    if changed is agent:
        return group
    if changed.status is not agent.status or changed.wait is not agent.wait:
        changed = replace(changed, since=at)
    return replace(group, agents={**group.agents, agent.id: changed})


def settle(agent: Agent) -> Agent:
    """DRIVING or WAITING, with the reason, as its open calls and holds have it."""
    wait = _wait_of(agent)
    status = AgentStatus.WAITING if wait else AgentStatus.DRIVING
    if status is agent.status and wait is agent.wait:
        return agent
    return replace(agent, status=status, wait=wait)


def _wait_of(agent: Agent) -> WaitReason:
    if agent.hold:
        return agent.hold
    if not agent.calls or agent.driven_by_person:
        return WaitReason.NONE
    statuses = {call.status for call in agent.calls}
    if statuses & {CallStatus.ASKING, CallStatus.UNKNOWN}:
        return WaitReason.APPROVAL
    if CallStatus.ANSWER in statuses:
        return WaitReason.ANSWER
    return WaitReason.CHILDREN if statuses == {CallStatus.CHILD} else WaitReason.NONE


def _on_group(
    kind: type[E],
) -> Callable[[Callable[[Group, E, int], Group]], Callable[[Group, E, int], Group]]:
    def keep(rule: Callable[[Group, E, int], Group]) -> Callable[[Group, E, int], Group]:
        _group_rules[kind] = rule
        return rule

    return keep


def _on_agent(
    kind: type[A],
) -> Callable[[Callable[[Agent, A, int], Agent]], Callable[[Agent, A, int], Agent]]:
    def keep(rule: Callable[[Agent, A, int], Agent]) -> Callable[[Agent, A, int], Agent]:
        _agent_rules[kind] = rule
        return rule

    return keep


# --- the group ---------------------------------------------------------------------------------------


@_on_group(ev.GroupCreated)
def _group_created(group: Group, event: ev.GroupCreated, at: int) -> Group:
    return replace(
        group,
        id=event.group,
        name=event.name,
        goal=event.goal,
        rules=event.rules,
        conductor=event.conductor,
        worker=event.worker,
        template=event.template,
        folder=event.folder,
        folder_mode=event.folder_mode,
        limits=event.limits,
        policies=dict(event.policies),
        members={member.id: member for member in event.members},
        created_at=at,
    )


@_on_group(ev.GroupStarted)
def _group_started(group: Group, event: ev.GroupStarted, at: int) -> Group:
    return replace(group, status=GroupStatus.RUNNING, started_at=at)


@_on_group(ev.GroupPaused)
def _group_paused(group: Group, event: ev.GroupPaused, at: int) -> Group:
    return replace(group, status=GroupStatus.PAUSED)


@_on_group(ev.GroupResumed)
def _group_resumed(group: Group, event: ev.GroupResumed, at: int) -> Group:
    return replace(group, status=GroupStatus.RUNNING)


@_on_group(ev.GroupCancelled)
def _group_cancelled(group: Group, event: ev.GroupCancelled, at: int) -> Group:
    return replace(group, status=GroupStatus.CANCELLED, ended_at=at)


@_on_group(ev.GroupFinished)
def _group_finished(group: Group, event: ev.GroupFinished, at: int) -> Group:
    return replace(group, status=GroupStatus.FINISHED, ended_at=at)


@_on_group(ev.MemberJoined)
def _member_joined(group: Group, event: ev.MemberJoined, at: int) -> Group:
    return replace(group, members={**group.members, event.member.id: event.member})


@_on_group(ev.MemberLeft)
def _member_left(group: Group, event: ev.MemberLeft, at: int) -> Group:
    return replace(group, members={k: v for k, v in group.members.items() if k != event.member})


@_on_group(ev.RoleCreated)
def _role_created(group: Group, event: ev.RoleCreated, at: int) -> Group:
    role = RoleSpec(name=event.name, system_prompt=event.system_prompt, member=event.member)
    return replace(group, roles={**group.roles, role.name: role})


@_on_group(ev.PolicySet)
def _policy_set(group: Group, event: ev.PolicySet, at: int) -> Group:
    return replace(group, policies={**group.policies, event.tool: event.policy})


@_on_group(ev.LimitsChanged)
def _limits_changed(group: Group, event: ev.LimitsChanged, at: int) -> Group:
    return replace(group, limits=event.limits)


@_on_group(ev.RulesChanged)
def _rules_changed(group: Group, event: ev.RulesChanged, at: int) -> Group:
    return replace(group, rules=event.rules)


@_on_group(ev.AgentCreated)
def _agent_created(group: Group, event: ev.AgentCreated, at: int) -> Group:
    number = group.agents_made + 1
    agent = Agent(
        id=event.agent,
        number=number,
        name=event.name,
        title=event.title,
        role=event.role,
        member=event.member,
        created_at=at,
        since=at,
        parent=event.parent,
        parent_call=event.parent_call,
        conducts=event.conducts,
        review=event.review,
        depends_on=event.depends_on,
        forked_from=event.forked_from,
        forked_step=event.forked_step,
        step=event.forked_step,
    )
    root = group.root or agent.id
    return replace(group, agents_made=number, root=root, agents={**group.agents, agent.id: agent})


@_on_group(ev.RequestOpened)
def _request_opened(group: Group, event: ev.RequestOpened, at: int) -> Group:
    request = Request(
        id=event.request,
        kind=event.request_kind,
        agent=event.agent,
        opened_at=at,
        call=event.call,
        tool=event.tool,
    )
    made = group.requests_made + 1
    return replace(group, requests_made=made, requests={**group.requests, request.id: request})


@_on_group(ev.RequestAnswered)
def _request_answered(group: Group, event: ev.RequestAnswered, at: int) -> Group:
    return replace(group, requests={k: v for k, v in group.requests.items() if k != event.request})


@_on_group(ev.RequestWithdrawn)
def _request_withdrawn(group: Group, event: ev.RequestWithdrawn, at: int) -> Group:
    return replace(group, requests={k: v for k, v in group.requests.items() if k != event.request})


@_on_group(ev.SteerQueued)
def _steer_counted(group: Group, event: ev.SteerQueued, at: int) -> Group:
    return replace(group, steers_made=group.steers_made + 1)


@_on_group(ev.StepCommitted)
def _step_counted(group: Group, event: ev.StepCommitted, at: int) -> Group:
    usage = event.usage
    return replace(
        group,
        steps=group.steps + 1,
        tokens_in=group.tokens_in + usage.tokens_in,
        tokens_out=group.tokens_out + usage.tokens_out,
        cached=group.cached + usage.cached,
        cost=group.cost + usage.cost,
    )


@_on_group(ev.AgentFinished)
def _stage_grows(group: Group, event: ev.AgentFinished, at: int) -> Group:
    """The parent's stage is as long as its longest child (critical steps, arXiv 2602.02276 section 3)."""
    child = group.agents[event.agent]
    parent = group.agents.get(child.parent)
    if parent is None or child.critical + child.stage <= parent.stage:
        return group
    grown = replace(parent, stage=child.critical + child.stage)
    return replace(group, agents={**group.agents, parent.id: grown})


# --- a sub-agent -------------------------------------------------------------------------------------


def _seat(member: str, kind: MemberKind, at: int, lease_until: int = 0) -> Seat:
    return Seat(member=member, kind=kind, since=at, lease_until=lease_until)


@_on_agent(ev.DriverGranted)
def _driver_granted(agent: Agent, event: ev.DriverGranted, at: int) -> Agent:
    granted = replace(
        agent,
        status=AgentStatus.DRIVING,
        epoch=event.epoch,
        seat=event.epoch,
        driver=_seat(event.member, event.member_kind, at, event.lease_until),
        not_before=0,
        paused_by="",
    )
    return settle(granted)


@_on_agent(ev.StepCommitted)
def _step_committed(agent: Agent, event: ev.StepCommitted, at: int) -> Agent:
    calls = tuple(Call(id=c.id, name=c.name, status=c.status, safe=c.safe) for c in event.calls)
    usage = event.usage
    return replace(
        agent,
        step=event.step,
        calls=calls,
        final=event.final,
        result=event.content if event.final else "",
        attempts=0,
        critical=agent.critical + agent.stage + 1,
        stage=0,
        tokens_in=agent.tokens_in + usage.tokens_in,
        tokens_out=agent.tokens_out + usage.tokens_out,
        cached=agent.cached + usage.cached,
        cost=agent.cost + usage.cost,
    )


def _with_call(agent: Agent, call_id: str, **changes: Any) -> Agent:
    calls = tuple(replace(c, **changes) if c.id == call_id else c for c in agent.calls)
    return replace(agent, calls=calls)


@_on_agent(ev.CallReleased)
def _call_released(agent: Agent, event: ev.CallReleased, at: int) -> Agent:
    return _with_call(agent, event.call, status=CallStatus.RELEASED, arguments=event.arguments)


@_on_agent(ev.CallWaits)
def _call_waits(agent: Agent, event: ev.CallWaits, at: int) -> Agent:
    return _with_call(agent, event.call, status=event.status)


@_on_agent(ev.CallUncertain)
def _call_uncertain(agent: Agent, event: ev.CallUncertain, at: int) -> Agent:
    return _with_call(agent, event.call, status=CallStatus.UNKNOWN)


@_on_agent(ev.CallClosed)
def _call_closed(agent: Agent, event: ev.CallClosed, at: int) -> Agent:
    return replace(agent, calls=tuple(c for c in agent.calls if c.id != event.call))


@_on_agent(ev.SteerQueued)
def _steer_queued(agent: Agent, event: ev.SteerQueued, at: int) -> Agent:
    return replace(agent, steers=(*agent.steers, Steer(id=event.id, text=event.text, by=event.by)))


@_on_agent(ev.SteerDelivered)
def _steer_delivered(agent: Agent, event: ev.SteerDelivered, at: int) -> Agent:
    return replace(agent, final=False, result="", steers=tuple(s for s in agent.steers if s.id != event.id))


@_on_agent(ev.TakeOverAsked)
def _take_over_asked(agent: Agent, event: ev.TakeOverAsked, at: int) -> Agent:
    return replace(agent, asked_by=event.by)


@_on_agent(ev.TakeOverWithdrawn)
def _take_over_withdrawn(agent: Agent, event: ev.TakeOverWithdrawn, at: int) -> Agent:
    return replace(agent, asked_by="")


@_on_agent(ev.TakenOver)
def _taken_over(agent: Agent, event: ev.TakenOver, at: int) -> Agent:
    taken = replace(
        agent,
        status=AgentStatus.HANDING_OVER if agent.seat else AgentStatus.DRIVING,
        wait=WaitReason.NONE,
        hold=WaitReason.NONE,
        epoch=event.epoch,
        driver=_seat(event.member, MemberKind.PERSON, at, event.lease_until),
        former=event.former or agent.former,
        asked_by="",
        pausing="",
        paused_by="",
        final=False,
        taken_step=agent.step,
    )
    return taken if agent.seat else _seated(taken)


def _seated(agent: Agent) -> Agent:
    return settle(replace(agent, status=AgentStatus.DRIVING, seat=agent.epoch))


@_on_agent(ev.DriverStopped)
def _driver_stopped(agent: Agent, event: ev.DriverStopped, at: int) -> Agent:
    if event.epoch != agent.seat:
        return agent
    if agent.status is AgentStatus.HANDING_OVER:
        return _seated(agent)
    return replace(agent, seat=0)


@_on_agent(ev.HandedBack)
def _handed_back(agent: Agent, event: ev.HandedBack, at: int) -> Agent:
    given = replace(
        agent,
        epoch=event.epoch,
        driver=_seat(event.member, event.member_kind, at),
        member=event.member,
        former="",
        seat=event.epoch,
        taken_step=0,
    )
    return settle(given)


@_on_agent(ev.Reassigned)
def _reassigned(agent: Agent, event: ev.Reassigned, at: int) -> Agent:
    given = replace(
        agent,
        epoch=event.epoch,
        member=event.member,
        hold=WaitReason.NONE,
        wait=WaitReason.NONE,
        asked_by="",
        pausing="",
        paused_by="",
        final=False,
        taken_step=0,
        former="",
        not_before=0,
        attempts=0,
        driver=_seat(event.member, event.member_kind, at),
    )
    if agent.seat:
        return replace(given, status=AgentStatus.HANDING_OVER)
    if agent.status is AgentStatus.QUEUED:
        return replace(given, driver=None)
    return _seated(given)


@_on_agent(ev.SeatLost)
def _seat_lost(agent: Agent, event: ev.SeatLost, at: int) -> Agent:
    if event.epoch != agent.seat:
        return agent
    if agent.status is AgentStatus.HANDING_OVER:
        return _seated(agent)
    return replace(agent, seat=0)


@_on_agent(ev.SeatRestored)
def _seat_restored(agent: Agent, event: ev.SeatRestored, at: int) -> Agent:
    return replace(agent, seat=event.epoch)


@_on_agent(ev.LeaseRenewed)
def _lease_renewed(agent: Agent, event: ev.LeaseRenewed, at: int) -> Agent:
    if agent.driver is None:
        return agent
    return replace(agent, driver=replace(agent.driver, lease_until=event.lease_until))


@_on_agent(ev.LeaseLapsed)
def _lease_lapsed(agent: Agent, event: ev.LeaseLapsed, at: int) -> Agent:
    return _standing_still(agent, event.epoch, event.member)


@_on_agent(ev.PauseAsked)
def _pause_asked(agent: Agent, event: ev.PauseAsked, at: int) -> Agent:
    return replace(agent, pausing=event.by)


@_on_agent(ev.AgentPaused)
def _agent_paused(agent: Agent, event: ev.AgentPaused, at: int) -> Agent:
    return _standing_still(agent, event.epoch, event.by)


def _standing_still(agent: Agent, epoch: int, by: str) -> Agent:
    return replace(
        agent,
        status=AgentStatus.PAUSED,
        wait=WaitReason.NONE,
        epoch=epoch,
        driver=None,
        pausing="",
        asked_by="",
        paused_by=by,
    )


@_on_agent(ev.AgentResumed)
def _agent_resumed(agent: Agent, event: ev.AgentResumed, at: int) -> Agent:
    if agent.status is AgentStatus.PAUSED:
        return replace(agent, status=AgentStatus.QUEUED, paused_by="")
    return replace(agent, pausing="")


@_on_agent(ev.AgentHeld)
def _agent_held(agent: Agent, event: ev.AgentHeld, at: int) -> Agent:
    return replace(agent, hold=event.reason)


@_on_agent(ev.AgentUnheld)
def _agent_unheld(agent: Agent, event: ev.AgentUnheld, at: int) -> Agent:
    return replace(agent, hold=WaitReason.NONE)


@_on_agent(ev.DriverFailed)
def _driver_failed(agent: Agent, event: ev.DriverFailed, at: int) -> Agent:
    return replace(agent, seat=0, attempts=agent.attempts + 1)


@_on_agent(ev.AgentRequeued)
def _agent_requeued(agent: Agent, event: ev.AgentRequeued, at: int) -> Agent:
    return replace(
        agent,
        status=AgentStatus.QUEUED,
        wait=WaitReason.NONE,
        hold=WaitReason.NONE,
        driver=None,
        not_before=event.not_before,
    )


@_on_agent(ev.ToolAllowed)
def _tool_allowed(agent: Agent, event: ev.ToolAllowed, at: int) -> Agent:
    return replace(agent, allowed=(*agent.allowed, event.tool))


def _at_the_end(agent: Agent, status: AgentStatus) -> Agent:
    return replace(
        agent,
        status=status,
        wait=WaitReason.NONE,
        hold=WaitReason.NONE,
        driver=None,
        asked_by="",
        pausing="",
        final=False,
        result="",
        steers=(),
    )


@_on_agent(ev.AgentFinished)
def _agent_finished(agent: Agent, event: ev.AgentFinished, at: int) -> Agent:
    return replace(_at_the_end(agent, AgentStatus.DONE), seat=0)


@_on_agent(ev.AgentFailed)
def _agent_failed(agent: Agent, event: ev.AgentFailed, at: int) -> Agent:
    return _at_the_end(agent, AgentStatus.FAILED)


@_on_agent(ev.AgentCancelled)
def _agent_cancelled(agent: Agent, event: ev.AgentCancelled, at: int) -> Agent:
    return replace(_at_the_end(agent, AgentStatus.CANCELLED), epoch=event.epoch)


@_on_agent(ev.AgentHandedUp)
def _agent_handed_up(agent: Agent, event: ev.AgentHandedUp, at: int) -> Agent:
    return replace(agent, parent=event.parent, parent_call="")
