"""The rows of what is said in a group: in the room, to sub-agents, and what is attached to it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clawgroups.group import events as ev
from clawgroups.group.state import Group
from clawgroups.ledger.rows import Rows
from clawgroups.ledger.words import clean

Add = Callable[[Rows, Group, ev.Recorded, Any], None]


def message(kind: str, text_of: Callable[[Any], str]) -> Add:
    """What adds a message of that kind."""

    def add(rows: Rows, group: Group, recorded: ev.Recorded, event: Any) -> None:
        ref = event.id if isinstance(event, ev.SteerQueued) else ""
        of_post = isinstance(event, ev.SteerQueued) and event.post
        rows.messages[ref or f"{group.id}:{recorded.seq}"] = {
            "group_id": group.id,
            "seq": recorded.seq,
            "agent_id": recorded.agent or getattr(event, "agent", ""),
            "kind": "told" if of_post else kind,
            "ref": ref,
            "by_member": clean(recorded.actor),
            "at": recorded.at,
            "delivered_at": 0 if ref else recorded.at,
            "text": clean(text_of(event)),
        }

    return add


def steer_delivered(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.SteerDelivered) -> None:
    """Queued words were read; those of this batch are changed before they are written."""
    made = rows.messages.get(event.id)
    if made is not None:
        made["delivered_at"] = recorded.at
    else:
        rows.delivered.append({"p_ref": event.id, "delivered_at": recorded.at})


_post = message("post", lambda event: event.text)


def posted(rows: Rows, group: Group, recorded: ev.Recorded, event: ev.MessagePosted) -> None:
    """A post, and a row by which each of its attachments is found."""
    _post(rows, group, recorded, event)
    for one in event.attachments:
        rows.attachments[group.id, one.id] = {
            "group_id": group.id,
            "id": one.id,
            "seq": recorded.seq,
            "name": clean(one.name),
            "media_type": clean(one.media_type),
            "size": one.size,
            "sha256": one.sha256,
        }
