"""Rules for what a driver and its runner report of a step: the turn, and the results of its calls."""

from __future__ import annotations

from msgspec.structs import replace

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import (
    boundary,
    close_call,
)
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.group_tools import GROUP_TOOLS, run_group_tool
from clawgroups.group.rules_lease import still_there
from clawgroups.group.state import (
    Agent,
    AgentStatus,
    CallStatus,
    Fate,
    RequestKind,
)
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import Policy

DETACHABLE = (CallStatus.CHILD, CallStatus.ANSWER)  # nothing of these runs on a runner
APPROVAL_CHOICES = (
    ev.Choice("approve", "Approve"),
    ev.Choice("edit", "Edit", needs="arguments"),
    ev.Choice("supply", "Supply the result", needs="text"),
    ev.Choice("deny", "Deny"),
)


def record_step(draft: Draft, command: cmd.RecordStep) -> None:
    """Commits one turn. Its calls are released, held for a person, refused or carried out by the rules."""
    agent = draft.agent(command.agent)
    draft.fence(agent, command.epoch)
    _check_may_write(draft, agent, command)
    if agent.calls:
        detach(draft, agent)
    wanted = _unique(command.calls)
    calls = tuple(_proposed(draft, agent, call) for call in wanted)
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
    if agent.driven_by_person and agent.driver is not None:
        still_there(draft, draft.agent(agent.id), agent.driver.lease_ms)
        _tell_seat(draft, agent, command.content, calls)
    for call, made in zip(wanted, calls, strict=True):
        _begin_call(draft, agent.id, call, made.status)
    boundary(draft, agent.id)


def _tell_seat(draft: Draft, agent: Agent, content: str, calls: tuple[ev.CallProposed, ...]) -> None:
    """A person's turn is written here, so their seat on the runner has to hear of it before its calls run."""
    made = tuple(ToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in calls)
    draft.tell(agent.id, Entry(role="assistant", content=content, calls=made, by=draft.actor))


def detach(draft: Draft, agent: Agent) -> None:
    """Closes calls that only wait, so that a person need not: what a sub-agent finds out comes later, as words."""
    for call in agent.calls:
        child = next((c for c in draft.group.children(agent.id) if c.parent_call == call.id and not c.ended), None)
        if child is not None:
            draft.add(ev.AgentHandedUp(agent=child.id, parent=agent.id))
            told = f"{child.name} ({child.id}) is still at work on this; its result comes later, as a message."
            close_call(draft, agent.id, call.id, Fate.DONE, told, by="dispatcher")
        else:
            told = "Nobody has answered; a person took the wheel and went on."
            close_call(draft, agent.id, call.id, Fate.NOT_STARTED, told, by=draft.actor)


def _check_may_write(draft: Draft, agent: Agent, command: cmd.RecordStep) -> None:
    if agent.seat != agent.epoch or agent.status not in (AgentStatus.DRIVING, AgentStatus.WAITING):
        refuse("alone", agent, f"{agent.name}'s old driver is not proved to have stopped yet.", "Wait a moment.")
    if agent.driver is None or draft.actor != agent.driver.member:
        who = agent.driver.member if agent.driver else "nobody"
        refuse("alone", agent, f"{who} drives {agent.name}, not {draft.actor}.", "Take over first.")
    if agent.calls and not (agent.driven_by_person and all(call.status in DETACHABLE for call in agent.calls)):
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
        call_id = call.id or f"call.{number}"
        while call_id in seen:
            call_id = f"{call_id}.{number}"
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
