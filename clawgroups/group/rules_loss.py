"""Rules for what a driver cannot finish: proofs of stops, lost runners, failed turns, leases that ran out."""

from __future__ import annotations

from clawgroups.errors import NotFound
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import (
    STALL_CHOICES,
    deliver_steers,
    pause,
    take_wheel,
)
from clawgroups.group.briefing import brief
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.rules_launch import grant
from clawgroups.group.state import (
    Agent,
    AgentStatus,
    Call,
    CallStatus,
    Fate,
    GroupStatus,
    RequestKind,
    WaitReason,
)

FATE_CHOICES = (
    ev.Choice("run_again", "Run again"),
    ev.Choice("leave", "Leave it, tell the agent"),
    ev.Choice("supply", "Supply the result", needs="text"),
)

REQUEUE = {"rate_limit": 1_000, "connection": 3, "timeout": 2}  # how often each is tried again by itself

LONGEST_WAIT_S = 3_600  # whatever the provider asks for

LOST = "The process that ran this was lost; whether it took effect is not known."


def report_stopped(draft: Draft, command: cmd.ReportStopped) -> None:
    """The proof of a stop: settles the fate of everything in flight, then lets the new driver begin."""
    agent = draft.agent(command.agent)
    if agent.seat != command.epoch:
        refuse("stop", agent, f"No seat of epoch {command.epoch} is known for {agent.name}.")
    if agent.seat == agent.epoch and not agent.ended:
        refuse("stop", agent, f"{agent.name}'s seat of epoch {command.epoch} was not asked to stop.")
    open_calls = agent.calls
    draft.add(
        ev.DriverStopped(
            agent=agent.id,
            epoch=command.epoch,
            model_call=command.model_call,
            processes_found=command.processes_found,
            processes_left=command.processes_left,
            detail=command.detail,
            partial=command.partial,
            partial_reasoning=command.partial_reasoning,
            by=agent.briefing.former if agent.briefing else agent.former or agent.member,
            snapshot=command.snapshot,
        )
    )
    ends = {end.call: end for end in command.ends}
    for call in open_calls:
        if call.status is CallStatus.RELEASED:
            end = ends.get(call.id) or cmd.CallEnd(call.id, Fate.UNKNOWN, LOST)
            _settle_fate(draft, agent.id, call, end)
    brief(draft, agent.id, _closed_since(draft, agent), unfinished=bool(command.partial or command.partial_reasoning))
    _begin_after_stop(draft, agent)


def _settle_fate(draft: Draft, agent_id: str, call: Call, end: cmd.CallEnd) -> None:
    draft.add(ev.CallClosed(agent=agent_id, call=call.id, name=call.name, fate=end.fate, content=end.content))


def _closed_since(draft: Draft, before: Agent) -> list[ev.CallClosed]:
    """The calls in flight that this decision has given their end."""
    closed = [recorded.event for recorded in draft.events if isinstance(recorded.event, ev.CallClosed)]
    return [call for call in closed if call.agent == before.id]


def _begin_after_stop(draft: Draft, before: Agent) -> None:
    agent = draft.agent(before.id)
    if before.status is AgentStatus.HANDING_OVER and agent.status is not AgentStatus.HANDING_OVER:
        if not agent.driven_by_person:
            deliver_steers(draft, agent)
        draft.then(fx.Drive(agent.id))


def lose_seat(draft: Draft, command: cmd.LoseSeat) -> None:
    """The runner is gone with everything it ran. Safe calls are run again, others ask; a new epoch goes on."""
    agent = draft.agent(command.agent)
    if not agent.seat or command.epoch not in (0, agent.seat):
        return  # it was told twice; the seat of today is another
    working = agent.status in (AgentStatus.DRIVING, AgentStatus.WAITING)
    draft.add(ev.SeatLost(agent=agent.id, epoch=agent.seat, reason=command.reason))
    for call in agent.calls:
        if call.status is CallStatus.RELEASED:
            _lose_call(draft, agent, call, may_repeat=working and not agent.driven_by_person)
    brief(draft, agent.id, _closed_since(draft, agent))
    _begin_after_stop(draft, agent)
    if working:
        _reseat(draft, agent.id, command.reason)


def _lose_call(draft: Draft, agent: Agent, call: Call, *, may_repeat: bool) -> None:
    if not may_repeat:
        _settle_fate(draft, agent.id, call, cmd.CallEnd(call.id, Fate.UNKNOWN, LOST))
    elif not call.safe:
        draft.add(ev.CallUncertain(agent=agent.id, call=call.id))
        title = f"{agent.name}'s {call.name} was interrupted by a crash; did it take effect?"
        draft.open_request(
            agent.id,
            RequestKind.UNKNOWN_FATE,
            title,
            call=call.id,
            tool=call.name,
            detail=LOST,
            choices=FATE_CHOICES,
        )


def _reseat(draft: Draft, agent_id: str, reason: str) -> None:
    agent = draft.agent(agent_id)
    if agent.driven_by_person:
        draft.add(ev.SeatRestored(agent=agent_id, epoch=agent.epoch))
        draft.then(fx.Drive(agent_id))
        return
    if not agent.calls and not agent.hold:
        if agent.asked_by:
            take_wheel(draft, agent, agent.asked_by, agent.asked_lease)
            return
        if agent.pausing or draft.group.status is GroupStatus.PAUSED:
            pause(draft, agent, agent.pausing or "group")
            return
        deliver_steers(draft, agent)
    grant(
        draft,
        draft.agent(agent_id),
        draft.member(agent.driver.member if agent.driver else agent.member),
        reason,
    )


def report_failure(draft: Draft, command: cmd.ReportFailure) -> None:
    """A turn that could not be taken: tried again later where that can help, else a person is asked."""
    agent = draft.agent(command.agent)
    draft.fence(agent, command.epoch)
    if agent.seat != command.epoch:
        refuse("alone", agent, f"No seat of epoch {command.epoch} is known for {agent.name}.")
    draft.add(
        ev.DriverFailed(
            agent=agent.id,
            epoch=command.epoch,
            reason=command.reason,
            sentence=command.sentence,
            hint=command.hint,
            partial=command.partial,
            by=agent.driver.member if agent.driver else "",
        )
    )
    for call in agent.calls:
        if call.status is CallStatus.RELEASED:
            _lose_call(draft, agent, call, may_repeat=not agent.driven_by_person and not agent.asked_by)
    failed = draft.agent(agent.id)
    if failed.hold:
        return  # it waits for something else first; whoever answers that seats a new driver
    if failed.asked_by:
        take_wheel(draft, failed, failed.asked_by, failed.asked_lease)
    elif not failed.driven_by_person and (failed.pausing or draft.group.status is GroupStatus.PAUSED):
        pause(draft, failed, failed.pausing or "group")
    elif not failed.driven_by_person and failed.attempts <= REQUEUE.get(command.reason, 0):
        wait_s = command.retry_after or min(60, 2**failed.attempts)
        wait_ms = int(min(LONGEST_WAIT_S, max(0, wait_s)) * 1_000)
        draft.add(ev.AgentRequeued(agent=agent.id, not_before=draft.at + wait_ms))
    else:
        _stall(draft, failed, command)


def _stall(draft: Draft, agent: Agent, command: cmd.ReportFailure) -> None:
    draft.add(ev.AgentHeld(agent=agent.id, reason=WaitReason.ANSWER))
    draft.open_request(
        agent.id,
        RequestKind.STALL,
        f"{agent.name} cannot go on: {command.sentence}",
        tool=command.reason,
        detail=command.hint,
        choices=STALL_CHOICES,
    )


def keep_late_write(draft: Draft, command: cmd.KeepLateWrite) -> None:
    """Keeps what an old driver still wanted to say, out of the thread."""
    draft.agent(command.agent)
    if not command.content:
        raise NotFound("There is nothing to keep.")
    draft.add(
        ev.LateWriteKept(
            agent=command.agent,
            epoch=command.epoch,
            what=command.what,
            content=command.content,
            by=command.by,
        )
    )
