"""What happens when a step is over, and how a sub-agent ends. The one place where waiting wishes are served."""

from __future__ import annotations

from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.attachments import Attachment
from clawgroups.group.draft import Draft
from clawgroups.group.members import MemberKind
from clawgroups.group.state import (
    Agent,
    AgentStatus,
    CallStatus,
    Fate,
    GroupStatus,
    RequestKind,
    WaitReason,
)
from clawgroups.group.thread import Entry

SAME_FAILURES = 3  # the same call failing this often in a row is no accident
AT_WORK = (AgentStatus.DRIVING, AgentStatus.WAITING)
ACCEPT_CHOICES = (ev.Choice("accept", "Accept"), ev.Choice("reject", "Send back", needs="text"))
STALL_CHOICES = (
    ev.Choice("retry", "Try again"),
    ev.Choice("reassign", "Give to another", needs="member"),
    ev.Choice("fail", "End this sub-agent"),
)
RAISE_CHOICES = (ev.Choice("raise", "Raise the limit", needs="amount"), ev.Choice("fail", "End the group"))


def boundary(draft: Draft, agent_id: str) -> None:
    """Serves, at the end of a step: a take-over, the end, a pause, steering, limits, a stall; else the next turn."""
    agent = draft.agent(agent_id)
    if agent.calls or agent.status not in AT_WORK or agent.hold:
        return
    if agent.asked_by:
        take_wheel(draft, agent, agent.asked_by, agent.asked_lease)
        return
    if agent.final and not agent.steers:
        finish(draft, agent)
        return
    if agent.driven_by_person:
        deliver_steers(draft, agent)
        if not agent.seat:
            seat_again(draft, agent)
        return
    if agent.pausing or draft.group.status is GroupStatus.PAUSED:
        pause(draft, agent, agent.pausing or "group")
        return
    deliver_steers(draft, agent)
    if hold_at_limit(draft, agent) or _hold_at_failures(draft, agent):
        return
    if agent.seat:
        draft.then(fx.Proceed(agent_id))
    else:
        seat_again(draft, agent)


def seat_again(draft: Draft, agent: Agent) -> None:
    """After its seat failed: it is queued anew; a person keeps the wheel and gets another seat."""
    if agent.driven_by_person:
        draft.add(ev.SeatRestored(agent=agent.id, epoch=agent.epoch))
        draft.then(fx.Drive(agent.id))
    else:
        draft.add(ev.AgentRequeued(agent=agent.id))


def take_wheel(draft: Draft, agent: Agent, person: str, lease_ms: int) -> None:
    """The fence: the epoch rises here, before anybody is told to stop."""
    former = agent.former
    if agent.driver is None:
        former = former or agent.member
    elif agent.driver.kind is not MemberKind.PERSON:
        former = agent.driver.member
    draft.withdraw(agent.id, RequestKind.STALL, RequestKind.TASK, RequestKind.REVIEW)
    draft.add(
        ev.TakenOver(
            agent=agent.id,
            epoch=agent.epoch + 1,
            member=person,
            former=former,
            lease_until=draft.at + lease_ms,
        )
    )
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat))
    else:
        draft.then(fx.Drive(agent.id))


def pause(draft: Draft, agent: Agent, by: str) -> None:
    """Stands the sub-agent still; its seat is given up."""
    draft.withdraw(agent.id, RequestKind.STALL, RequestKind.TASK)
    if agent.hold:
        draft.add(ev.AgentUnheld(agent=agent.id))
    draft.add(ev.AgentPaused(agent=agent.id, epoch=agent.epoch + 1, by=by))
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat))


def deliver_steers(draft: Draft, agent: Agent) -> None:
    """Puts all queued words into the thread."""
    for steer in agent.steers:
        files = steer.attachments
        draft.add(ev.SteerDelivered(agent=agent.id, id=steer.id, text=steer.text, by=steer.by, attachments=files))
        draft.tell(agent.id, Entry(role="user", content=steer.text, by=steer.by, kind="steer", attachments=files))


def queue_words(
    draft: Draft, agent_id: str, text: str, by: str, *, post: int = 0, attachments: tuple[Attachment, ...] = ()
) -> None:
    """Words for the next step boundary. A person between two steps reads them at once. ``post``: see SteerQueued."""
    steer = f"{draft.group.id}-s{draft.group.steers_made + 1}"
    draft.add(ev.SteerQueued(agent=agent_id, id=steer, text=text, by=by, post=post, attachments=attachments))
    told = draft.agent(agent_id)
    if told.driven_by_person and told.status in AT_WORK and not told.calls and not told.hold:
        deliver_steers(draft, told)


def close_call(
    draft: Draft,
    agent_id: str,
    call_id: str,
    fate: Fate,
    content: str,
    *,
    by: str = "",
) -> None:
    """Ends an open call from outside its runner and tells the seat."""
    agent = draft.agent(agent_id)
    call = agent.call(call_id)
    name = call.name if call else ""
    draft.add(ev.CallClosed(agent=agent_id, call=call_id, fate=fate, name=name, content=content, by=by))
    entry = Entry(role="tool", call_id=call_id, name=name, content=content, by=by, fate=fate.value)
    draft.tell(agent_id, entry)
    for request in draft.requests_of(agent_id):
        if request.call == call_id:
            draft.add(ev.RequestWithdrawn(agent=agent_id, request=request.id))


def hold_at_limit(draft: Draft, agent: Agent) -> bool:
    """Asks a person when a limit is reached, once for the whole group; True when the sub-agent waits now."""
    reached = limit_reached(draft, agent)
    if reached is None:
        return False
    field, sentence = reached
    draft.add(ev.AgentHeld(agent=agent.id, reason=WaitReason.BUDGET))
    ask_for_limit(draft, agent, field, sentence)
    return True


def _hold_at_failures(draft: Draft, agent: Agent) -> bool:
    """Asks a person when the same call fails again and again: that is proof enough to stand still (promise 7)."""
    if agent.failing.times < SAME_FAILURES:
        return False
    draft.add(ev.AgentHeld(agent=agent.id, reason=WaitReason.ANSWER))
    tool, times = agent.failing.tool, agent.failing.times
    title = f"{agent.name} cannot go on: its call of {tool} has failed {times} times in a row."
    draft.open_request(
        agent.id,
        RequestKind.STALL,
        title,
        tool="same_call",
        detail="Its arguments were the same each time, and nothing else has worked in between.",
        choices=STALL_CHOICES,
    )
    return True


def ask_for_limit(draft: Draft, agent: Agent, field: str, sentence: str) -> None:
    """Opens the one request for this limit unless it is open already."""
    if any(r.kind is RequestKind.BUDGET and r.tool == field for r in draft.group.requests.values()):
        return
    draft.open_request(agent.id, RequestKind.BUDGET, sentence, tool=field, choices=RAISE_CHOICES)


def limit_reached(draft: Draft, agent: Agent) -> tuple[str, str] | None:
    """The first limit that stops the next step: its field in Limits and a sentence."""
    group, limits = draft.group, draft.group.limits
    if group.steps >= limits.max_steps:
        return "max_steps", f"The group has used its {limits.max_steps:,} steps."
    if agent.step - agent.forked_step >= limits.agent_steps:
        return "agent_steps", f"{agent.name} has used its {limits.agent_steps:,} steps."
    if limits.budget_usd and group.cost >= limits.budget_usd:
        return "budget_usd", f"The group has spent its {limits.budget_usd:,.2f} USD."
    if limits.budget_tokens and group.tokens_in + group.tokens_out >= limits.budget_tokens:
        return "budget_tokens", f"The group has used its {limits.budget_tokens:,} tokens."
    if limits.hours and group.started_at and draft.at - group.started_at >= limits.hours * 3_600_000:
        return "hours", f"The group has run for its {limits.hours:g} hours."
    return None


def finish(draft: Draft, agent: Agent) -> None:
    """The last step ended the task: to review where that is asked for, else done."""
    if agent.review:
        draft.add(ev.AgentHeld(agent=agent.id, reason=WaitReason.REVIEW))
        title = f"{agent.name} delivers its work for review."
        draft.open_request(agent.id, RequestKind.REVIEW, title, detail=agent.result[:2_000], choices=ACCEPT_CHOICES)
        if agent.conductor_reviews:
            _show_draft(draft, agent)
        return
    end_done(draft, agent)


def _show_draft(draft: Draft, child: Agent) -> None:
    """Gives the call that waits for this sub-agent its draft: only then can a conductor's next turn review it."""
    parent = draft.group.agents.get(child.parent)
    if parent is None or parent.ended:
        return  # people review it then
    told = f"{child.name} ({child.id}) delivers this for your review. Call review to accept it or to send it back"
    told = f"{told} with reasons; until then it is a draft.\n\n{child.result}"
    if not (child.parent_call and parent.call(child.parent_call)):
        queue_words(draft, parent.id, told, child.id)
        return
    draft.add(ev.AgentAwaited(agent=child.id))
    close_call(draft, parent.id, child.parent_call, Fate.DONE, told, by=child.id)
    boundary(draft, parent.id)


def withdraw_all(draft: Draft, agent: Agent) -> None:
    """Nobody needs to answer for it any more; a limit that others wait for is asked for in their name."""
    asked = draft.requests_of(agent.id, RequestKind.BUDGET)
    draft.withdraw(agent.id)
    for other in list(draft.group.agents.values()) if asked else []:
        if other.id != agent.id and other.wait is WaitReason.BUDGET:
            reached = limit_reached(draft, other)
            if reached is not None:
                ask_for_limit(draft, other, *reached)


def end_done(draft: Draft, agent: Agent, *, tell: bool = True) -> None:
    """Ends with a result, which goes to the parent as one message unless it has it already."""
    withdraw_all(draft, agent)
    draft.add(ev.AgentFinished(agent=agent.id, result=agent.result))
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat, report=False))
    if tell:
        answer_parent(draft, agent, Fate.DONE, agent.result)
    end_group_when_over(draft)


def end_failed(draft: Draft, agent: Agent, reason: str) -> None:
    """Ends without a result; the parent hears why."""
    close_all_calls(draft, agent)
    withdraw_all(draft, agent)
    draft.add(ev.AgentFailed(agent=agent.id, reason=reason))
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat))
    answer_parent(draft, agent, Fate.FAILED, f"{agent.name} failed: {reason}")
    end_group_when_over(draft)


def close_all_calls(draft: Draft, agent: Agent) -> None:
    """Gives every call that was never started its fate; what runs is decided by the proof of the stop."""
    for call in agent.calls:
        if call.status is CallStatus.RELEASED and agent.seat:
            continue
        fate = Fate.UNKNOWN if call.status is CallStatus.UNKNOWN else Fate.NOT_STARTED
        close_call(draft, agent.id, call.id, fate, "", by=draft.actor)


def answer_parent(draft: Draft, child: Agent, fate: Fate, content: str) -> None:
    """One message back: as the result of the call that made the child, else as words for the parent."""
    parent = draft.group.agents.get(child.parent)
    if parent is None or parent.ended:
        return
    if child.parent_call and parent.call(child.parent_call):
        close_call(draft, parent.id, child.parent_call, fate, content, by=child.id)
        boundary(draft, parent.id)
        return
    text = f"{child.name} ({child.id}) ended as {fate.value}:\n{content}"
    queue_words(draft, parent.id, text, child.id)


def end_group_when_over(draft: Draft) -> None:
    """The group is finished when every sub-agent has ended."""
    open_states = (GroupStatus.RUNNING, GroupStatus.PAUSED)
    if draft.group.status in open_states and all(a.ended for a in draft.group.agents.values()):
        draft.add(ev.GroupFinished())
