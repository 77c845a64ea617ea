"""The conductor's tools for sub-agents that it has already: review their work, give their task to another member.

Each returns the sub-agent's next message, as ``assign_task`` does: whatever is sent on is waited for by the call that
sent it on, so that a model, which speaks only when all calls of its turn are answered, is never left without news.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from clawgroups.errors import Invalid, NotFound
from clawgroups.group import events as ev
from clawgroups.group.boundary import close_call
from clawgroups.group.briefing import begun_again
from clawgroups.group.commands import Reassign
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.members import Member
from clawgroups.group.rules_review import accept_work, send_back
from clawgroups.group.rules_wheel import add_fork, reassign
from clawgroups.group.state import Agent, CallStatus, Fate, RequestKind, WaitReason


class Review(Struct, forbid_unknown_fields=True):
    """What the tool ``review`` takes."""

    agent: str
    decision: Literal["accept", "reject"]
    reasons: str = ""


class ReassignTask(Struct, forbid_unknown_fields=True):
    """What the tool ``reassign_task`` takes."""

    agent: str
    member: str
    reason: str = ""


def named(draft: Draft, conductor: Agent, wanted: str, wait: WaitReason = WaitReason.NONE) -> Agent:
    """The newest of the conductor's sub-agents with that title, name or id, rather one that waits for ``wait``.

    Raises NotFound naming those there are.
    """
    children = draft.group.children(conductor.id)
    found = [child for child in reversed(children) if wanted in (child.title, child.name, child.id)]
    if not found:
        known = ", ".join(child.title for child in children[-20:]) or "none yet"
        raise NotFound(f"You have no sub-agent {wanted!r}.", hint=f"Assigned so far: {known}.")
    return next((child for child in found if wait and child.wait is wait), found[0])


def await_child(draft: Draft, conductor: Agent, child: Agent, call_id: str, told: str) -> None:
    """This call gets the sub-agent's next message, unless another open one does: then it says ``told`` at once."""
    if child.parent_call and draft.agent(conductor.id).call(child.parent_call):
        close_call(draft, conductor.id, call_id, Fate.DONE, told, by="dispatcher")
        return
    draft.add(ev.AgentAwaited(agent=child.id, call=call_id))
    draft.add(ev.CallWaits(agent=conductor.id, call=call_id, status=CallStatus.CHILD))


def review(draft: Draft, conductor: Agent, call_id: str, args: Review) -> None:
    """Accepts a draft, or sends it back and waits for the next one. Whoever answers the request first has answered."""
    child = named(draft, conductor, args.agent, WaitReason.REVIEW)
    asked = next(iter(draft.requests_of(child.id, RequestKind.REVIEW)), None)
    if asked is None:
        refuse("review", child, f"{child.name} does not wait for a review: it is {child.status.value}.")
    if not (child.conductor_reviews or conductor.driven_by_person):
        hint = "You hear of it when they have."
        refuse("review", child, f"A person was asked to review the work of {child.name}.", hint)
    if any(words.by == child.id for words in conductor.steers):
        hint = "It comes with your next step; decide then."
        refuse("review", child, f"{child.name} has said something that you have not read yet.", hint)
    if args.decision == "reject" and not args.reasons.strip():
        raise Invalid("The reasons are missing.", hint="Say what must change.")
    draft.add(
        ev.RequestAnswered(
            agent=child.id,
            request=asked.id,
            decision=args.decision,
            by=conductor.driver.member if conductor.driver else draft.actor,
            text=args.reasons,
        )
    )
    if args.decision == "accept":
        accept_work(draft, child.id, tell=not child.conductor_reviews or bool(conductor.call(child.parent_call)))
        told = f"Accepted: {child.name} ({child.id}) is done."
        close_call(draft, conductor.id, call_id, Fate.DONE, told, by="dispatcher")
    else:
        await_child(draft, conductor, child, call_id, f"Sent back to {child.name}.")
        send_back(draft, child.id, args.reasons, conductor.id)


def reassign_task(draft: Draft, conductor: Agent, call_id: str, args: ReassignTask) -> None:
    """Another member goes on where the sub-agent is, or, when it has ended, where it stopped."""
    child, member = named(draft, conductor, args.agent), draft.member(args.member)
    if child.ended:
        _begin_again(draft, conductor, child, member, call_id, args.reason)
        return
    command = Reassign(agent=child.id, to=member.id, reason=args.reason)
    reassign(draft, command, by=conductor.name)
    await_child(draft, conductor, child, call_id, f"{child.name} is {member.name}'s now.")


def _begin_again(draft: Draft, conductor: Agent, child: Agent, member: Member, call_id: str, reason: str) -> None:
    """What has ended stays ended, and its driver stays fenced off: a fork from its last whole step takes its place."""
    step = child.step - 1 if child.calls else child.step  # its stop may not be proved yet
    made = add_fork(draft, child, step, member, title=child.title, parent=conductor.id, call=call_id)
    draft.add(ev.Briefed(agent=made, text=begun_again(conductor, child, reason), by=child.member))
    draft.add(ev.CallWaits(agent=conductor.id, call=call_id, status=CallStatus.CHILD))
