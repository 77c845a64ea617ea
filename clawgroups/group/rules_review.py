"""What becomes of work that waits for a review, whoever reviews it: a person, or the conductor that asked for it."""

from __future__ import annotations

from clawgroups.group import events as ev
from clawgroups.group.boundary import boundary, end_done, queue_words
from clawgroups.group.draft import Draft


def accept_work(draft: Draft, agent_id: str, *, tell: bool = True) -> None:
    """The draft is the result. ``tell``: whether its parent has still to hear of it."""
    draft.add(ev.AgentUnheld(agent=agent_id))
    end_done(draft, draft.agent(agent_id), tell=tell)


def send_back(draft: Draft, agent_id: str, reasons: str, by: str) -> None:
    """Its driver goes on with the reasons; a person at its wheel gets a new lease."""
    queue_words(draft, agent_id, f"Your result was not accepted:\n{reasons}", by)
    draft.add(ev.AgentUnheld(agent=agent_id))
    agent = draft.agent(agent_id)
    if agent.driven_by_person and agent.driver is not None:
        draft.add(ev.LeaseRenewed(agent=agent_id, lease_until=draft.at + agent.driver.lease_ms))
    boundary(draft, agent_id)
