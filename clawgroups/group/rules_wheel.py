"""Rules for what people ask of one sub-agent: take over, hand back, reassign, steer, pause, cancel, fork."""

from __future__ import annotations

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import (
    answer_parent,
    close_all_calls,
    deliver_steers,
    end_group_when_over,
    pause,
    queue_words,
    take_wheel,
    withdraw_all,
)
from clawgroups.group.briefing import brief, in_between, reassigned
from clawgroups.group.draft import LOCAL_ADMIN, Draft, refuse
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.rules_launch import invite
from clawgroups.group.state import Agent, AgentStatus, CallStatus, Fate, RequestKind, WaitReason

AT_WORK = (AgentStatus.DRIVING, AgentStatus.WAITING)


def take_over(draft: Draft, command: cmd.TakeOver) -> None:
    """A person gets the wheel: now, or as soon as the step under way is over."""
    agent = draft.live(command.agent, "take_over")
    person = draft.person()
    if agent.driven_by_person and agent.driver is not None:
        if agent.driver.member != person.id:
            holder = draft.member(agent.driver.member).name
            hint = f"Ask them to hand it over{_until(agent.driver.lease_until - draft.at)}."
            refuse("one_driver", agent, f"{holder} holds the wheel of {agent.name}.", hint)
        if agent.driver.lease_until:
            refuse("take_over", agent, f"You hold the wheel of {agent.name} already.")
    if command.after_step:
        _ask_after_step(draft, agent, person.id, command.lease_ms)
    else:
        take_wheel(draft, agent, person.id, command.lease_ms)


def _until(left_ms: int) -> str:
    return f"; without a sign of life of theirs it is free in {-(-left_ms // 1_000):,} s" if left_ms > 0 else ""


def _ask_after_step(draft: Draft, agent: Agent, person: str, lease_ms: int) -> None:
    if agent.status not in AT_WORK:
        refuse("take_over", agent, f"{agent.name} is in no step now.", "Take over now instead.")
    if agent.asked_by:
        who = draft.member(agent.asked_by).name
        refuse("one_driver", agent, f"{who} takes over after this step already.")
    draft.add(ev.TakeOverAsked(agent=agent.id, by=person, lease_ms=lease_ms))
    if agent.hold or agent.driven_by_person:  # no step is under way, so none will end
        take_wheel(draft, draft.agent(agent.id), person, lease_ms)


def withdraw_take_over(draft: Draft, command: cmd.WithdrawTakeOver) -> None:
    """Takes back a wish for the wheel."""
    agent = draft.live(command.agent, "withdraw")
    if not agent.asked_by:
        refuse("withdraw", agent, f"Nobody has asked to take over {agent.name} after this step.")
    if draft.actor != agent.asked_by and not _for_others(draft, command):
        refuse("withdraw", agent, "Only the person who asked can take it back.")
    draft.add(ev.TakeOverWithdrawn(agent=agent.id, by=draft.actor))


def hand_back(draft: Draft, command: cmd.HandBack) -> None:
    """The person gives the wheel to the former driver or a named one; the thread gains a record first."""
    agent = draft.live(command.agent, "hand_back")
    driver = agent.driver
    if driver is None or not agent.driven_by_person or agent.status not in AT_WORK:
        refuse("hand_back", agent, f"No person drives {agent.name} now.", "Take over first.")
    if command.epoch is not None:
        draft.fence(agent, command.epoch)
    if draft.actor != driver.member and not _for_others(draft, command):
        refuse("hand_back", agent, f"{draft.member(driver.member).name} holds the wheel.")
    running = [call.name for call in agent.calls if call.status is CallStatus.RELEASED]
    if running:
        refuse("hand_back", agent, f"Still running: {', '.join(running)}.", "Wait for it to end.")
    to = draft.member(command.to or agent.former or agent.member)
    if to.id == driver.member:
        refuse("hand_back", agent, f"{to.name} holds the wheel already.", "Name another driver.")
    if command.one_step:
        _check_one_step(draft, agent, driver.member, to)
    draft.withdraw(agent.id, RequestKind.TASK)
    draft.add(
        ev.HandedBack(
            agent=agent.id,
            epoch=agent.epoch + 1,
            member=to.id,
            member_kind=to.kind,
            former=driver.member,
            note=command.note,
            record=command.record,
        )
    )
    if command.one_step:
        draft.add(ev.TakeOverAsked(agent=agent.id, by=driver.member, lease_ms=command.lease_ms))
    deliver_steers(draft, draft.agent(agent.id))
    draft.then(fx.Stop(agent.id, agent.seat, report=False))
    draft.then(fx.Drive(agent.id))
    if to.kind is MemberKind.PERSON:
        invite(draft, agent, to)


def _check_one_step(draft: Draft, agent: Agent, person: str, to: Member) -> None:
    """One step for an agent: whoever lets it is back at the wheel when it is over, so it has to be themselves."""
    if draft.actor != person:
        refuse("for_one_step", agent, f"Only {draft.member(person).name} can let it do one step and go on.")
    if to.kind is MemberKind.PERSON:
        refuse("for_one_step", agent, f"{to.name} is a person.", "Hand back without a bound on steps.")
    if agent.hold:
        refuse("for_one_step", agent, f"{agent.name} waits for {agent.hold.value}: no step can begin.")


def _for_others(draft: Draft, command: cmd.HandBack | cmd.WithdrawTakeOver) -> bool:
    return draft.actor == LOCAL_ADMIN if command.by_admin is None else command.by_admin


def reassign(draft: Draft, command: cmd.Reassign, by: str = "") -> None:
    """One transaction: a new epoch and driver; the old one is stopped, its late results are refused.

    ``by`` names who asked when it is not the actor. The new driver is told as soon as nobody else drives.
    """
    agent = draft.live(command.agent, "reassign")
    to = draft.member(command.to)
    if agent.driver is not None and agent.driver.member == to.id:
        refuse("reassign", agent, f"{to.name} drives {agent.name} already.")
    draft.withdraw(agent.id, RequestKind.STALL, RequestKind.TASK, RequestKind.REVIEW)
    draft.add(
        ev.Reassigned(
            agent=agent.id,
            epoch=agent.epoch + 1,
            member=to.id,
            member_kind=to.kind,
            former=agent.driver.member if agent.driver else agent.member,
            reason=command.reason,
            briefing=reassigned(draft, agent, by=by, reason=command.reason, record=command.record),
        )
    )
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat))
    else:
        brief(draft, agent.id)
    changed = draft.agent(agent.id)
    if not agent.seat and changed.status is not AgentStatus.QUEUED:
        deliver_steers(draft, changed)
        draft.then(fx.Drive(agent.id))
    if to.kind is MemberKind.PERSON and changed.status is not AgentStatus.QUEUED:
        invite(draft, changed, to)


def steer(draft: Draft, command: cmd.SteerAgent) -> None:
    """Words for the next step boundary; an idle one gets them with its next turn."""
    agent = draft.live(command.agent, "steer")
    if not command.text.strip():
        raise Invalid("The message is empty.", hint="Write at least a word.")
    queue_words(draft, agent.id, command.text, draft.actor)


def pause_agent(draft: Draft, command: cmd.PauseAgent) -> None:
    """Stops at the next step boundary; at once where nothing is under way."""
    agent = draft.live(command.agent, "pause")
    if agent.status in (AgentStatus.PAUSED, AgentStatus.HANDING_OVER) or agent.pausing:
        state = "pausing already" if agent.pausing else agent.status.value
        refuse("pause", agent, f"{agent.name} is {state}.")
    if agent.driven_by_person:
        refuse("pause", agent, f"A person drives {agent.name}: it stands still when they do.")
    if agent.hold is WaitReason.REVIEW:
        refuse("pause", agent, f"{agent.name} has delivered and stands still.", "Accept its work or send it back.")
    if agent.status is AgentStatus.QUEUED or not agent.seat or agent.hold:
        pause(draft, agent, draft.actor)
    else:
        draft.add(ev.PauseAsked(agent=agent.id, by=draft.actor))


def resume_agent(draft: Draft, command: cmd.ResumeAgent) -> None:
    """Queues a paused sub-agent again, or takes back a pause that has not come yet."""
    agent = draft.live(command.agent, "resume")
    if agent.status is not AgentStatus.PAUSED and not agent.pausing:
        refuse("resume", agent, f"{agent.name} is not paused.")
    if agent.status is AgentStatus.PAUSED and agent.seat:
        refuse("resume", agent, f"{agent.name}'s stop is not proved yet.", "Wait a moment.")
    if command.epoch is not None:
        draft.fence(agent, command.epoch)
    record = (command.record or in_between(draft, agent)) if agent.untold else command.record
    if agent.status is AgentStatus.PAUSED:
        draft.withdraw(agent.id, RequestKind.STALL)  # it asked who goes on
    draft.add(ev.AgentResumed(agent=agent.id, by=draft.actor, record=record))


def cancel_agent(draft: Draft, command: cmd.CancelAgent) -> None:
    """Ends it; its children end with it, or go on under its own parent."""
    agent = draft.live(command.agent, "cancel")
    if command.hand_up:
        for child in draft.group.children(agent.id):
            if not child.ended:
                draft.add(ev.AgentHandedUp(agent=child.id, parent=agent.parent))
    else:
        for child in _descendants(draft, agent.id):
            if not child.ended:
                _end_cancelled(draft, draft.agent(child.id))
    _end_cancelled(draft, draft.agent(agent.id))
    answer_parent(draft, agent, Fate.FAILED, f"{agent.name} was cancelled by {draft.actor}.")
    end_group_when_over(draft)


def _descendants(draft: Draft, agent_id: str) -> list[Agent]:
    """Everybody under a sub-agent, the deepest first; one that has ended may have left children at work."""
    found: list[Agent] = []
    for child in draft.group.children(agent_id):
        found += [*_descendants(draft, child.id), child]
    return found


def _end_cancelled(draft: Draft, agent: Agent) -> None:
    close_all_calls(draft, agent)
    withdraw_all(draft, agent)
    draft.add(ev.AgentCancelled(agent=agent.id, epoch=agent.epoch + 1, by=draft.actor))
    if agent.seat:
        draft.then(fx.Stop(agent.id, agent.seat))


def cancel_everybody(draft: Draft) -> None:
    """Ends every sub-agent of the group."""
    for request in list(draft.group.requests.values()):
        draft.add(ev.RequestWithdrawn(agent=request.agent, request=request.id))
    for agent in list(draft.group.agents.values()):
        if not draft.agent(agent.id).ended:
            _end_cancelled(draft, draft.agent(agent.id))


def fork(draft: Draft, command: cmd.ForkAgent) -> None:
    """A new sub-agent that shares the thread up to a step; its workspace is restored to what it was then.

    A group that has ended runs again by it: its sub-agents stay ended, the fork is new work in it.
    """
    agent = draft.agent(command.agent)
    if not 0 <= command.step <= agent.step:
        refuse("fork", agent, f"{agent.name} has steps 0 to {agent.step}, not {command.step}.")
    if command.step == agent.step and agent.calls:
        refuse("fork", agent, f"Step {agent.step} is still open.", f"Fork from step {agent.step - 1}.")
    member = draft.member(command.member or agent.member)
    if command.instead:
        _rewind(draft, agent, command.step, member)
        return
    if draft.group.ended_at:
        draft.add(ev.GroupReopened())
    add_fork(draft, agent, command.step, member, title=f"Fork of {agent.name} at step {command.step}")


def _rewind(draft: Draft, agent: Agent, step: int, member: Member) -> None:
    """The fork answers the call that its origin was to answer; the origin ends, its children go on under its parent."""
    if agent.ended:
        refuse("rewind", agent, f"{agent.name} has ended.", "Fork it.")
    if not agent.parent:
        refuse("rewind", agent, f"{agent.name} conducts the group; nothing can take its place.", "Fork it.")
    for other in draft.group.agents.values():
        if agent.id in other.depends_on and other.status is AgentStatus.QUEUED:
            refuse("rewind", agent, f"{other.name} begins when {agent.name} is done.", f"Cancel {other.name} first.")
    for child in draft.group.children(agent.id):
        if not child.ended:
            draft.add(ev.AgentHandedUp(agent=child.id, parent=agent.parent))
    title = f"{agent.name}, rewound to step {step}"
    add_fork(draft, agent, step, member, title=title, call=agent.parent_call)
    _end_cancelled(draft, draft.agent(agent.id))


def add_fork(
    draft: Draft, agent: Agent, step: int, member: Member, *, title: str, parent: str | None = None, call: str = ""
) -> str:
    """Its id. What the origin's work has to be held to, a fork's has to be too. ``call`` of its parent awaits it."""
    number = draft.group.agents_made + 1
    made = f"{draft.group.id}-{number}"
    draft.add(
        ev.AgentCreated(
            agent=made,
            name=f"{agent.role}-{number:03d}",
            title=title,
            role=agent.role,
            member=member.id,
            task="",
            parent=agent.parent if parent is None else parent,
            parent_call=call,
            conducts=agent.conducts,
            review=agent.review,
            conductor_reviews=agent.conductor_reviews,
            forked_from=agent.id,
            forked_step=step,
        )
    )
    return made
