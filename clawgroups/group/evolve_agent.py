"""What each event means for the sub-agent that it is about."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec.structs import replace

from clawgroups.group import events as ev
from clawgroups.group.evolve_rules import AGENT_RULES, on_agent
from clawgroups.group.members import MemberKind
from clawgroups.group.state import (
    LEASE_MS,
    Agent,
    AgentStatus,
    Briefing,
    Call,
    CallStatus,
    Fate,
    Seat,
    Steer,
    Streak,
    WaitReason,
)
from clawgroups.group.tools import GROUP_TOOL_NAMES

__all__ = ["AGENT_RULES", "settle"]


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


def _seat(member: str, kind: MemberKind, at: int, lease_until: int = 0) -> Seat:
    lease_ms = lease_until - at if lease_until else LEASE_MS
    return Seat(member=member, kind=kind, since=at, lease_until=lease_until, lease_ms=lease_ms)


@on_agent(ev.DriverGranted)
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


@on_agent(ev.StepCommitted)
def _step_committed(agent: Agent, event: ev.StepCommitted, at: int) -> Agent:
    calls = tuple(_opened(call) for call in event.calls)
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


def _opened(call: ev.CallProposed) -> Call:
    mine = call.status is CallStatus.ASKING and call.name in GROUP_TOOL_NAMES  # the rules themselves will run it
    return Call(
        id=call.id,
        name=call.name,
        status=call.status,
        safe=call.safe,
        arguments=call.arguments if mine else "",
        mark=_mark(call.name, call.arguments),
    )


def _mark(name: str, arguments: str) -> str:
    return hashlib.blake2b(f"{name}\0{arguments}".encode(errors="replace"), digest_size=8).hexdigest()


@on_agent(ev.ResultGiven)
def _result_given(agent: Agent, event: ev.ResultGiven, at: int) -> Agent:
    return replace(agent, final=True, result=event.result)


def _with_call(agent: Agent, call_id: str, **changes: Any) -> Agent:
    calls = tuple(replace(c, **changes) if c.id == call_id else c for c in agent.calls)
    return replace(agent, calls=calls)


@on_agent(ev.CallReleased)
def _call_released(agent: Agent, event: ev.CallReleased, at: int) -> Agent:
    call = agent.call(event.call)
    mark = _mark(call.name, event.arguments) if call and event.arguments else call.mark if call else ""
    return _with_call(agent, event.call, status=CallStatus.RELEASED, arguments=event.arguments, mark=mark)


@on_agent(ev.CallWaits)
def _call_waits(agent: Agent, event: ev.CallWaits, at: int) -> Agent:
    return _with_call(agent, event.call, status=event.status)


@on_agent(ev.CallUncertain)
def _call_uncertain(agent: Agent, event: ev.CallUncertain, at: int) -> Agent:
    return _with_call(agent, event.call, status=CallStatus.UNKNOWN)


@on_agent(ev.CallClosed)
def _call_closed(agent: Agent, event: ev.CallClosed, at: int) -> Agent:
    call = agent.call(event.call)
    failing = _streak(agent, call, event.fate) if call else agent.failing
    return replace(agent, calls=tuple(c for c in agent.calls if c.id != event.call), failing=failing)


def _streak(agent: Agent, call: Call, fate: Fate) -> Streak:
    """Interrupted calls neither lengthen a streak nor end it."""
    if fate is Fate.DONE:
        return Streak()
    if fate not in (Fate.FAILED, Fate.DENIED) or not call.mark:
        return agent.failing
    if call.mark != agent.failing.mark:
        return Streak(mark=call.mark, tool=call.name, times=1, step=agent.step)
    times = agent.failing.times + (agent.step != agent.failing.step)
    return replace(agent.failing, times=times, step=agent.step)


@on_agent(ev.SteerQueued)
def _steer_queued(agent: Agent, event: ev.SteerQueued, at: int) -> Agent:
    steer = Steer(id=event.id, text=event.text, by=event.by, attachments=event.attachments)
    return replace(agent, steers=(*agent.steers, steer))


@on_agent(ev.SteerDelivered)
def _steer_delivered(agent: Agent, event: ev.SteerDelivered, at: int) -> Agent:
    return replace(agent, final=False, result="", steers=tuple(s for s in agent.steers if s.id != event.id))


@on_agent(ev.TakeOverAsked)
def _take_over_asked(agent: Agent, event: ev.TakeOverAsked, at: int) -> Agent:
    return replace(agent, asked_by=event.by, asked_lease=event.lease_ms)


@on_agent(ev.TakeOverWithdrawn)
def _take_over_withdrawn(agent: Agent, event: ev.TakeOverWithdrawn, at: int) -> Agent:
    return replace(agent, asked_by="")


@on_agent(ev.TakenOver)
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
        failing=Streak(),
        taken_step=agent.step,
    )
    return taken if agent.seat else _seated(taken)


def _seated(agent: Agent) -> Agent:
    return settle(replace(agent, status=AgentStatus.DRIVING, seat=agent.epoch))


@on_agent(ev.DriverStopped)
def _driver_stopped(agent: Agent, event: ev.DriverStopped, at: int) -> Agent:
    if event.epoch != agent.seat:
        return agent
    if agent.status is AgentStatus.HANDING_OVER:
        return _seated(agent)
    return replace(agent, seat=0)


@on_agent(ev.HandedBack)
def _handed_back(agent: Agent, event: ev.HandedBack, at: int) -> Agent:
    given = replace(
        agent,
        epoch=event.epoch,
        driver=_seat(event.member, event.member_kind, at),
        member=event.member,
        former="",
        seat=event.epoch,
        failing=Streak(),
        taken_step=0,
        untold=False,
    )
    return settle(given)


@on_agent(ev.Reassigned)
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
        failing=Streak(),
        taken_step=0,
        former="",
        not_before=0,
        attempts=0,
        driver=_seat(event.member, event.member_kind, at),
        untold=False,
        briefing=_briefing(agent, event),
    )
    if agent.seat:
        return replace(given, status=AgentStatus.HANDING_OVER)
    if agent.status is AgentStatus.QUEUED:
        return replace(given, driver=None)
    return _seated(given)


def _briefing(agent: Agent, event: ev.Reassigned) -> Briefing | None:
    """One that was not told before the task was given on is told too: its words must not be lost."""
    if not event.briefing:
        return agent.briefing
    waits = agent.briefing
    text = f"{waits.text}\n\n{event.briefing}" if waits else event.briefing
    return Briefing(former=waits.former if waits else event.former, text=text)


@on_agent(ev.Briefed)
def _briefed(agent: Agent, event: ev.Briefed, at: int) -> Agent:
    return replace(agent, briefing=None)


@on_agent(ev.SeatLost)
def _seat_lost(agent: Agent, event: ev.SeatLost, at: int) -> Agent:
    if event.epoch != agent.seat:
        return agent
    if agent.status is AgentStatus.HANDING_OVER:
        return _seated(agent)
    return replace(agent, seat=0)


@on_agent(ev.SeatRestored)
def _seat_restored(agent: Agent, event: ev.SeatRestored, at: int) -> Agent:
    return replace(agent, seat=event.epoch)


@on_agent(ev.LeaseRenewed)
def _lease_renewed(agent: Agent, event: ev.LeaseRenewed, at: int) -> Agent:
    if agent.driver is None:
        return agent
    lease_ms = event.lease_until - at
    return replace(agent, driver=replace(agent.driver, lease_until=event.lease_until, lease_ms=lease_ms))


@on_agent(ev.LeaseLapsed)
def _lease_lapsed(agent: Agent, event: ev.LeaseLapsed, at: int) -> Agent:
    return replace(_standing_still(agent, event.epoch, event.member), untold=agent.untold or event.untold)


@on_agent(ev.PauseAsked)
def _pause_asked(agent: Agent, event: ev.PauseAsked, at: int) -> Agent:
    return replace(agent, pausing=event.by)


@on_agent(ev.AgentPaused)
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


@on_agent(ev.AgentResumed)
def _agent_resumed(agent: Agent, event: ev.AgentResumed, at: int) -> Agent:
    if event.record:
        agent = replace(agent, untold=False, former="", taken_step=0)
    if agent.status is AgentStatus.PAUSED:
        return replace(agent, status=AgentStatus.QUEUED, paused_by="")
    return replace(agent, pausing="")


@on_agent(ev.AgentHeld)
def _agent_held(agent: Agent, event: ev.AgentHeld, at: int) -> Agent:
    driver = agent.driver
    if event.reason is WaitReason.REVIEW and driver:
        driver = replace(driver, lease_until=0)  # a person who has delivered need not stay at the wheel
    return replace(agent, hold=event.reason, driver=driver)


@on_agent(ev.AgentUnheld)
def _agent_unheld(agent: Agent, event: ev.AgentUnheld, at: int) -> Agent:
    return replace(agent, hold=WaitReason.NONE, failing=Streak())


@on_agent(ev.DriverFailed)
def _driver_failed(agent: Agent, event: ev.DriverFailed, at: int) -> Agent:
    return replace(agent, seat=0, attempts=agent.attempts + 1)


@on_agent(ev.AgentRequeued)
def _agent_requeued(agent: Agent, event: ev.AgentRequeued, at: int) -> Agent:
    return replace(
        agent,
        status=AgentStatus.QUEUED,
        wait=WaitReason.NONE,
        hold=WaitReason.NONE,
        driver=None,
        not_before=event.not_before,
    )


@on_agent(ev.ToolAllowed)
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


@on_agent(ev.AgentFinished)
def _agent_finished(agent: Agent, event: ev.AgentFinished, at: int) -> Agent:
    return replace(_at_the_end(agent, AgentStatus.DONE), seat=0)


@on_agent(ev.AgentFailed)
def _agent_failed(agent: Agent, event: ev.AgentFailed, at: int) -> Agent:
    return _at_the_end(agent, AgentStatus.FAILED)


@on_agent(ev.AgentCancelled)
def _agent_cancelled(agent: Agent, event: ev.AgentCancelled, at: int) -> Agent:
    return replace(_at_the_end(agent, AgentStatus.CANCELLED), epoch=event.epoch)


@on_agent(ev.AgentAwaited)
def _agent_awaited(agent: Agent, event: ev.AgentAwaited, at: int) -> Agent:
    return replace(agent, parent_call=event.call)


@on_agent(ev.AgentHandedUp)
def _agent_handed_up(agent: Agent, event: ev.AgentHandedUp, at: int) -> Agent:
    return replace(agent, parent=event.parent, parent_call="")
