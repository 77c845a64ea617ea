"""Words that a driver is told when it gets the wheel: who drove before, why, and how calls in flight ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from clawgroups.group import events as ev
from clawgroups.group.draft import Draft
from clawgroups.group.state import Agent, Fate

HEADING = "Standing rules of this group:"
GO_ON = "Go on from here. Do not repeat what is done already."
UNFINISHED = "The last turn was interrupted; its text so far is kept above, marked as unfinished."
FATES = {
    Fate.UNKNOWN: "its outcome is unknown: look before you do it again",
    Fate.NOT_STARTED: "it was never started",
    Fate.DONE: "it was done all the same",
    Fate.FAILED: "it failed",
    Fate.DENIED: "it was denied",
}


def prompt_with_rules(prompt: str, rules: str) -> str:
    """What a member is told before its task: its own prompt, and the standing rules if there are any."""
    words = f"{HEADING}\n{rules.strip()}" if rules.strip() else ""
    return "\n\n".join(part for part in (prompt, words) if part)


def interrupted_call(whose: str, name: str, call: str, fate: Fate) -> str:
    """How a call ended that was in flight when the wheel changed hands."""
    return f"{whose} call {name} ({call}) was interrupted: {FATES[fate]}."


def reassigned(draft: Draft, agent: Agent, *, by: str, reason: str, record: str) -> str:
    """What the new driver of ``agent``'s task is told, all but the fate of what was in flight."""
    giver = by or _name(draft, draft.actor)
    former = _name(draft, agent.driver.member if agent.driver else agent.member)
    if agent.seat or agent.step > agent.forked_step:
        how = f"{former} worked on it before; everything above is done work."
    else:
        how = f"It was meant for {former}, who has not begun."
    record = record or (in_between(draft, agent) if agent.untold or agent.driven_by_person else "")
    return _parts(f"{giver} gave this task to you. {how}", record, _because(reason))


def begun_again(conductor: Agent, ended: Agent, reason: str) -> str:
    """What the driver of a fork is told that takes the place of a sub-agent that has ended."""
    before = f"{ended.name} worked on it before and ended as {ended.status.value}; everything above is its work."
    return _parts(f"{conductor.name} gave this task to you. {before}", _because(reason), GO_ON)


def in_between(draft: Draft, agent: Agent) -> str:
    """The least that has to be said of a person's work; the dispatcher knows more."""
    person = agent.driver.member if agent.driver else agent.paused_by
    who = _name(draft, person) if person in draft.group.members else "A person"
    return f"{who} drove in between. Their turns and calls stand above as ordinary ones; look at the workspace."


def brief(draft: Draft, agent_id: str, closed: Iterable[ev.CallClosed] = (), *, unfinished: bool = False) -> None:
    """Writes the record of a reassignment: only now that the old driver stands still is every fate known."""
    agent = draft.agent(agent_id)
    if agent.briefing is None or agent.ended:
        return
    lines = [UNFINISHED] if unfinished else []
    lines += [interrupted_call("The former driver's", call.name, call.call, call.fate) for call in closed]
    text = _parts(agent.briefing.text, "\n".join(lines), GO_ON)
    draft.add(ev.Briefed(agent=agent_id, text=text, by=agent.briefing.former))


def _because(reason: str) -> str:
    return f"The reason: {reason.strip()}" if reason.strip() else ""


def _parts(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _name(draft: Draft, member_id: str) -> str:
    member = draft.group.members.get(member_id)
    return member.name if member else member_id
