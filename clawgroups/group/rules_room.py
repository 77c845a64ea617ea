"""Rules for the room: words of people to the conductor or to named sub-agents, and the standing rules."""

from __future__ import annotations

from clawgroups.errors import Invalid, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.attachments import MOST
from clawgroups.group.boundary import queue_words
from clawgroups.group.draft import Draft
from clawgroups.group.state import GroupStatus


def post_message(draft: Draft, command: cmd.PostMessage) -> None:
    """One message in the room; everybody addressed gets it, with what is attached, at the next step boundary.

    Nobody addressed: it is for the conductor, and where that has ended, for people only.
    """
    text, files = command.text.strip(), command.attachments
    if not text and not files:
        raise Invalid("The message is empty.", hint="Write at least a word, or attach a file.")
    if len(files) > MOST:
        hint = f"Send the other {len(files) - MOST} with another message."
        raise Invalid(f"A message takes {MOST} files at most, not {len(files)}.", hint=hint, field="attachments")
    to = _addressed(draft, command.to)
    first = draft.group.steers_made + 1
    steers = tuple(f"{draft.group.id}-s{first + position}" for position in range(len(to)))
    draft.add(ev.MessagePosted(text=text, to=to, steers=steers, attachments=files))
    post = draft.group.seq
    for agent_id in to:
        queue_words(draft, agent_id, text, draft.actor, post=post, attachments=files)


def _addressed(draft: Draft, wanted: tuple[str, ...]) -> tuple[str, ...]:
    to = tuple(dict.fromkeys(wanted))
    ended = [draft.agent(agent_id).name for agent_id in to if draft.agent(agent_id).ended]
    if ended:
        have = "has" if len(ended) == 1 else "have"
        hint = "Leave them out, or address nobody: then the conductor reads it."
        raise Refused("steer", draft.group.status.value, f"{', '.join(ended[:5])} {have} ended.", hint=hint)
    if not to:
        conductor = draft.group.agents.get(draft.group.root)
        to = (conductor.id,) if conductor is not None and not conductor.ended else ()
    return to


def change_rules(draft: Draft, command: cmd.ChangeRules) -> None:
    """Replaces the standing rules. New tasks begin with them; who is under way already is told."""
    if command.rules.strip() == draft.group.rules.strip():
        return
    if command.was is not None and command.was.strip() != draft.group.rules.strip():
        state, hint = draft.group.status.value, "Read them, then save yours again."
        raise Refused("seen", state, "The standing rules have been changed by somebody else meanwhile.", hint=hint)
    draft.add(ev.RulesChanged(command.rules))
    if draft.group.status not in (GroupStatus.RUNNING, GroupStatus.PAUSED):
        return
    rules, post = command.rules.strip(), draft.group.seq
    words = f"The standing rules of this group have changed. They are now:\n{rules}" if rules else _NO_RULES
    for agent in list(draft.group.agents.values()):
        if not agent.ended and (agent.conducts or command.tell_all):
            queue_words(draft, agent.id, words, draft.actor, post=post)


_NO_RULES = "The standing rules of this group are taken back: there are none now."
