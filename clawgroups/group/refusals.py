"""The rules that refuse, each with what it protects. Every refusal names one of them and the state it met."""

from __future__ import annotations

RULES: dict[str, str] = {
    "alone": "At any instant at most one driver can write, and only after its predecessor is proved to have stopped.",
    "answered_once": "A request is answered once, while it is live.",
    "backoff": "After a refusal by the provider a sub-agent waits before its next try.",
    "cancel": "Only what has not ended can be cancelled.",
    "capacity": "A member drives no more sub-agents at once than its capacity.",
    "create": "A group is created once.",
    "create_agent": "Work is added to a group that has started and not ended, under a parent that has not ended.",
    "depends_on": "A sub-agent begins when those that it depends on are done.",
    "fork": "A fork begins at the end of a step that was made, in a group that has not ended.",
    "hand_back": "Who drives hands back, between two calls, to somebody else.",
    "held": "While a sub-agent waits for a review, a limit or a person's decision, nobody writes its next step.",
    "in_use": "A member that is to drive a live sub-agent stays in the group.",
    "launch": "Only what is queued is launched, and only while the group runs.",
    "lease": "A lease belongs to the person at the wheel, and runs out by time alone.",
    "max_live": "No more sub-agents are under way at once than the group's limit.",
    "one_driver": "While one person holds the wheel, or has asked for it, nobody else takes it.",
    "one_step": "A step is over when each of its calls has an end; only then comes the next.",
    "open_call": "A result belongs to a call that is running.",
    "order": "Steps are numbered without gaps.",
    "pause": "What stands still already, or is driven by a person, cannot be paused.",
    "person": "Only a person can do this.",
    "reassign": "Work that has not ended is reassigned to somebody who does not drive it yet.",
    "resume": "Only what is paused, or about to be, can be resumed.",
    "start": "A group is started once.",
    "steer": "Only what has not ended can be steered.",
    "stop": "A proof of a stop belongs to a seat that was asked to stop.",
    "take_over": "What has not ended can be taken over once; after this step only where one is under way.",
    "withdraw": "A wish for the wheel is taken back by who made it.",
}
