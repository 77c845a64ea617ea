"""Rules for what a driver and its runner report: steps, results, stops, failures, losses; and for launching."""

from __future__ import annotations

from msgspec.structs import replace

from clawgroups.errors import NotFound, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import (
    LEASE_MS,
    ask_for_limit,
    boundary,
    close_call,
    deliver_steers,
    end_failed,
    limit_reached,
    pause,
    take_wheel,
)
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.group_tools import GROUP_TOOLS, run_group_tool
from clawgroups.group.members import Member, MemberKind
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
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import Policy

APPROVAL_CHOICES = (
    ev.Choice("approve", "Approve"),
    ev.Choice("edit", "Edit", needs="arguments"),
    ev.Choice("supply", "Supply the result", needs="text"),
    ev.Choice("deny", "Deny"),
)
FATE_CHOICES = (
    ev.Choice("run_again", "Run again"),
    ev.Choice("leave", "Leave it, tell the agent"),
    ev.Choice("supply", "Supply the result", needs="text"),
)
STALL_CHOICES = (
    ev.Choice("retry", "Try again"),
    ev.Choice("reassign", "Give to another", needs="member"),
    ev.Choice("fail", "End this sub-agent"),
)
REQUEUE = {"rate_limit": 1_000, "connection": 3, "timeout": 2}  # how often each is tried again by itself
LOST = "The process that ran this was lost; whether it took effect is not known."


def launch(draft: Draft, command: cmd.Launch) -> None:
    """Grants the wheel to the sub-agent's own member, when the group, limits and capacity allow it."""
    agent, group = draft.agent(command.agent), draft.group
    if agent.status is not AgentStatus.QUEUED:
        refuse("launch", agent, f"{agent.name} is not queued.")
    if group.status is not GroupStatus.RUNNING:
        raise Refused("launch", group.status.value, "The group is not running.")
    if _failed_dependency(draft, agent):
        return
    if draft.at < agent.not_before:
        refuse("backoff", agent, f"{agent.name} waits {agent.not_before - draft.at} ms before its next try.")
    if group.live >= group.limits.max_live:
        refuse("max_live", agent, f"{group.limits.max_live} sub-agents are live already.")
    reached = limit_reached(draft, agent)
    if reached:
        ask_for_limit(draft, agent, *reached)
        return
    member = draft.member(agent.member)
    if member.capacity and group.load(member.id) >= member.capacity:
        refuse("capacity", agent, f"{member.name} drives {member.capacity} sub-agents already.")
    deliver_steers(draft, agent)
    grant(draft, agent, member, "launch")


def _failed_dependency(draft: Draft, agent: Agent) -> bool:
    """Ends an agent whose dependency failed; refuses while one is under way."""
    for needed in agent.depends_on:
        other = draft.agent(needed)
        if not other.ended:
            refuse("depends_on", agent, f"{agent.name} waits for {other.name}.")
        if other.status is not AgentStatus.DONE:
            end_failed(draft, agent, f"it depends on {other.name}, which ended as {other.status.value}")
            return True
    return False


def grant(draft: Draft, agent: Agent, member: Member, why: str) -> None:
    """A new epoch for ``member``; a person is also asked to come."""
    draft.add(
        ev.DriverGranted(
            agent=agent.id,
            epoch=draft.agent(agent.id).epoch + 1,
            member=member.id,
            member_kind=member.kind,
            why=why,
        )
    )
    draft.then(fx.Drive(agent.id))
    if member.kind is MemberKind.PERSON:
        invite(draft, agent, member)


def invite(draft: Draft, agent: Agent, person: Member) -> None:
    """Lets a person know that they hold a wheel they have not touched yet."""
    title = f"{agent.name} is yours, {person.name}: {agent.title}"
    draft.open_request(agent.id, RequestKind.TASK, title, tool=person.id)


def record_step(draft: Draft, command: cmd.RecordStep) -> None:
    """Commits one turn. Its calls are released, held for a person, refused or carried out by the rules."""
    agent = draft.agent(command.agent)
    draft.fence(agent, command.epoch)
    _check_may_write(draft, agent, command)
    calls = tuple(_proposed(draft, agent, call) for call in _unique(command.calls))
    final = command.final and not calls
    draft.add(
        ev.StepCommitted(
            agent=agent.id,
            epoch=command.epoch,
            step=agent.step + 1,
            by=agent.driver.member if agent.driver else "",
            content=command.content,
            reasoning=command.reasoning,
            calls=calls,
            usage=command.usage,
            finish=command.finish,
            final=final,
        )
    )
    if agent.driven_by_person:
        _still_there(draft, draft.agent(agent.id), LEASE_MS)
        _tell_seat(draft, agent, command.content, calls)
    for call, made in zip(_unique(command.calls), calls, strict=True):
        _begin_call(draft, agent.id, call, made.status)
    boundary(draft, agent.id)


def _tell_seat(draft: Draft, agent: Agent, content: str, calls: tuple[ev.CallProposed, ...]) -> None:
    """A person's turn is written here, so their seat on the runner has to hear of it before its calls run."""
    made = tuple(ToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in calls)
    draft.tell(agent.id, Entry(role="assistant", content=content, calls=made, by=draft.actor))


def _check_may_write(draft: Draft, agent: Agent, command: cmd.RecordStep) -> None:
    if agent.seat != agent.epoch or agent.status not in (AgentStatus.DRIVING, AgentStatus.WAITING):
        refuse("alone", agent, f"{agent.name}'s old driver is not proved to have stopped yet.", "Wait a moment.")
    if agent.driver is None or draft.actor != agent.driver.member:
        who = agent.driver.member if agent.driver else "nobody"
        refuse("alone", agent, f"{who} drives {agent.name}, not {draft.actor}.", "Take over first.")
    if agent.calls:
        names = ", ".join(call.name for call in agent.calls)
        refuse("one_step", agent, f"The last step's calls are still open: {names}.", "Answer or wait for them.")
    if agent.hold:
        refuse("held", agent, f"{agent.name} waits for {agent.hold.value}.")
    if command.step is not None and command.step != agent.step + 1:
        refuse("order", agent, f"Step {command.step} does not follow step {agent.step}.")


def _unique(calls: tuple[cmd.ProposedCall, ...]) -> tuple[cmd.ProposedCall, ...]:
    """Call ids must differ within a step; providers sometimes repeat them, so later ones get a suffix."""
    seen: set[str] = set()
    result = []
    for number, call in enumerate(calls):
        call_id = call.id if call.id and call.id not in seen else f"{call.id or 'call'}.{number}"
        seen.add(call_id)
        result.append(call if call_id == call.id else replace(call, id=call_id))
    return tuple(result)


def _proposed(draft: Draft, agent: Agent, call: cmd.ProposedCall) -> ev.CallProposed:
    status = CallStatus.RELEASED
    if _policy(draft, agent, call) is Policy.ASK and call.known and not call.off:
        status = CallStatus.ASKING
    return ev.CallProposed(id=call.id, name=call.name, arguments=call.arguments, status=status, safe=call.safe)


def _policy(draft: Draft, agent: Agent, call: cmd.ProposedCall) -> Policy:
    policy = draft.group.policies.get(call.name, call.policy)
    if policy is Policy.ASK and (agent.driven_by_person or call.name in agent.allowed):
        return Policy.ALLOW  # the person at the wheel is the approval
    return policy


def _begin_call(draft: Draft, agent_id: str, call: cmd.ProposedCall, status: CallStatus) -> None:
    agent = draft.agent(agent_id)
    problem = _problem(draft, agent, call)
    if problem is not None:
        fate, sentence = problem
        _close_at_once(draft, agent_id, call, fate, sentence)
    elif status is CallStatus.ASKING:
        title = f"{agent.name} wants to run {call.name}."
        draft.open_request(
            agent_id,
            RequestKind.APPROVAL,
            title,
            call=call.id,
            tool=call.name,
            arguments=call.arguments,
            choices=APPROVAL_CHOICES,
        )
    elif call.name in GROUP_TOOLS:
        run_group_tool(draft, agent_id, call.id, call.name, call.arguments)
    else:
        draft.then(fx.Release(agent_id, call.id))


def _problem(draft: Draft, agent: Agent, call: cmd.ProposedCall) -> tuple[Fate, str] | None:
    if call.name in GROUP_TOOLS and not agent.conducts:
        return Fate.FAILED, f"{call.name} is for the conductor."
    if not call.known and call.name not in GROUP_TOOLS:
        return Fate.FAILED, f"There is no tool named {call.name!r}."
    if call.off:
        return Fate.FAILED, f"{call.name} is off here: {call.off}"
    if _policy(draft, agent, call) is Policy.DENY:
        return Fate.DENIED, f"This group does not allow {call.name}."
    return None


def _close_at_once(draft: Draft, agent_id: str, call: cmd.ProposedCall, fate: Fate, text: str) -> None:
    close_call(draft, agent_id, call.id, fate, text, by="dispatcher")


def record_result(draft: Draft, command: cmd.RecordResult) -> None:
    """Commits a tool's result; the step is over when the last one is in."""
    agent = draft.agent(command.agent)
    draft.fence(agent, command.epoch)
    call = agent.call(command.call)
    if call is None or call.status is not CallStatus.RELEASED:
        refuse("open_call", agent, f"Call {command.call} is not running.")
    draft.add(
        ev.CallClosed(
            agent=agent.id,
            call=call.id,
            name=call.name,
            fate=Fate.DONE if command.ok else Fate.FAILED,
            content=command.content,
            snapshot=command.snapshot,
            changed=command.changed,
        )
    )
    boundary(draft, agent.id)


def report_stopped(draft: Draft, command: cmd.ReportStopped) -> None:
    """The proof of a stop: settles the fate of everything in flight, then lets the new driver begin."""
    agent = draft.agent(command.agent)
    if agent.seat != command.epoch:
        refuse("stop", agent, f"No seat of epoch {command.epoch} is known for {agent.name}.")
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
            by=agent.former or agent.member,
            snapshot=command.snapshot,
        )
    )
    ends = {end.call: end for end in command.ends}
    for call in open_calls:
        if call.status is CallStatus.RELEASED:
            end = ends.get(call.id) or cmd.CallEnd(call.id, Fate.UNKNOWN, LOST)
            _settle_fate(draft, agent.id, call, end)
    _begin_after_stop(draft, agent)


def _settle_fate(draft: Draft, agent_id: str, call: Call, end: cmd.CallEnd) -> None:
    draft.add(ev.CallClosed(agent=agent_id, call=call.id, name=call.name, fate=end.fate, content=end.content))


def _begin_after_stop(draft: Draft, before: Agent) -> None:
    agent = draft.agent(before.id)
    if before.status is AgentStatus.HANDING_OVER and agent.status is not AgentStatus.HANDING_OVER:
        if not agent.driven_by_person:
            deliver_steers(draft, agent)
        draft.then(fx.Drive(agent.id))


def lose_seat(draft: Draft, command: cmd.LoseSeat) -> None:
    """The runner is gone with everything it ran. Safe calls are run again, others ask; a new epoch goes on."""
    agent = draft.agent(command.agent)
    if not agent.seat:
        return
    working = agent.status in (AgentStatus.DRIVING, AgentStatus.WAITING)
    draft.add(ev.SeatLost(agent=agent.id, epoch=agent.seat, reason=command.reason))
    for call in agent.calls:
        if call.status is CallStatus.RELEASED:
            _lose_call(draft, agent, call, may_repeat=working and not agent.driven_by_person)
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
            take_wheel(draft, agent, agent.asked_by, LEASE_MS)
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
    failed = draft.agent(agent.id)
    if failed.asked_by:
        take_wheel(draft, failed, failed.asked_by, LEASE_MS)
    elif failed.attempts <= REQUEUE.get(command.reason, 0):
        wait_ms = int((command.retry_after or min(60, 2**failed.attempts)) * 1_000)
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


def renew_lease(draft: Draft, command: cmd.RenewLease) -> None:
    """The person at the wheel is still there; written only when half of the lease is used."""
    agent = draft.live(command.agent, "lease")
    draft.fence(agent, command.epoch)
    if agent.driver is None or agent.driver.member != draft.actor:
        refuse("lease", agent, f"{draft.actor} does not drive {agent.name}.")
    _still_there(draft, agent, command.lease_ms)


def _still_there(draft: Draft, agent: Agent, lease_ms: int) -> None:
    draft.withdraw(agent.id, RequestKind.TASK)
    if agent.driver and agent.driver.lease_until - draft.at < lease_ms // 2:
        draft.add(ev.LeaseRenewed(agent=agent.id, lease_until=draft.at + lease_ms))


def lapse_lease(draft: Draft, command: cmd.LapseLease) -> None:
    """The wheel goes to a pause, never silently back to the agent (promise 8)."""
    agent = draft.live(command.agent, "lease")
    driver = agent.driver
    if driver is None or not agent.driven_by_person or not driver.lease_until or draft.at < driver.lease_until:
        refuse("lease", agent, "No lease has run out here.")
    draft.add(ev.LeaseLapsed(agent=agent.id, epoch=agent.epoch + 1, member=driver.member))
    if agent.seat and agent.status is not AgentStatus.HANDING_OVER:
        draft.then(fx.Stop(agent.id, agent.seat))


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
