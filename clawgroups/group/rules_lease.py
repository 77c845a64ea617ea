"""Rules for leases: a person keeps the wheel as long as they show a sign of life."""

from __future__ import annotations

from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.state import Agent, AgentStatus, Request, RequestKind, WaitReason

LAPSE = "lease_lapsed"  # the ``tool`` of the stall that tells of it

LAPSE_CHOICES = (
    ev.Choice("resume", "Let it go on"),
    ev.Choice("take_over", "Take over"),
    ev.Choice("reassign", "Give to another", needs="member"),
    ev.Choice("fail", "End this sub-agent"),
)


def renew_lease(draft: Draft, command: cmd.RenewLease) -> None:
    """The person at the wheel is still there; written only when half of the lease is used."""
    agent = draft.live(command.agent, "lease")
    draft.fence(agent, command.epoch)
    if agent.driver is None or agent.driver.member != draft.actor:
        refuse("lease", agent, f"{draft.actor} does not drive {agent.name}.")
    still_there(draft, agent, command.lease_ms)


def still_there(draft: Draft, agent: Agent, lease_ms: int) -> None:
    draft.withdraw(agent.id, RequestKind.TASK)
    if agent.hold is WaitReason.REVIEW:
        return  # what was delivered waits for others; the lease begins anew when it comes back
    if agent.driver and agent.driver.lease_until - draft.at < lease_ms // 2:
        draft.add(ev.LeaseRenewed(agent=agent.id, lease_until=draft.at + lease_ms))


def lapse_lease(draft: Draft, command: cmd.LapseLease) -> None:
    """The wheel goes to a pause, never silently back to the agent (promise 8); people are asked what comes next."""
    agent = draft.live(command.agent, "lease")
    driver = agent.driver
    if driver is None or not agent.driven_by_person or not driver.lease_until or draft.at < driver.lease_until:
        refuse("lease", agent, "No lease has run out here.")
    draft.withdraw(agent.id, RequestKind.STALL, RequestKind.TASK)
    if agent.hold:
        draft.add(ev.AgentUnheld(agent=agent.id))
    untold = driver.member != agent.member  # nobody has to be told what they did themselves
    draft.add(ev.LeaseLapsed(agent=agent.id, epoch=agent.epoch + 1, member=driver.member, untold=untold))
    if agent.seat and agent.status is not AgentStatus.HANDING_OVER:
        draft.then(fx.Stop(agent.id, agent.seat))
    _ask_who_goes_on(draft, agent, driver.member)


def is_lapse(request: Request) -> bool:
    """Whether it asks who goes on with a sub-agent that lost its person."""
    return request.kind is RequestKind.STALL and request.tool == LAPSE


def _ask_who_goes_on(draft: Draft, agent: Agent, person: str) -> None:
    """Nothing goes on here by itself, and whoever waits for it would wait for ever: somebody has to hear of it."""
    member = draft.group.members.get(person)
    who = member.name if member else person
    told = f" Whoever goes on with it is told what {who} did." if person != agent.member else ""
    draft.open_request(
        agent.id,
        RequestKind.STALL,
        f"{who}'s wheel of {agent.name} ran out; nobody drives it.",
        tool=LAPSE,
        detail=f"{who} gave no sign of life for too long. It stands still until somebody decides.{told}",
        choices=LAPSE_CHOICES,
    )
