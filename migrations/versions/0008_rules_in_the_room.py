"""The room tells of changes of the standing rules: those of earlier versions are mirrored too."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PAGE = 1_000
EVENTS = sa.table("events", *(sa.column(name) for name in ("id", "group_id", "seq", "at", "actor", "kind", "body")))
COLUMNS = ("group_id", "seq", "agent_id", "kind", "ref", "by_member", "at", "delivered_at", "text")
MESSAGES = sa.table("messages", *(sa.column(name) for name in COLUMNS))


def upgrade() -> None:
    """In pages: a long record must not fill the memory."""
    bind, after = op.get_bind(), 0
    wanted = sa.select(EVENTS).where(EVENTS.c.kind == "rules_changed").order_by(EVENTS.c.id).limit(PAGE)
    while page := bind.execute(wanted.where(EVENTS.c.id > after)).all():
        bind.execute(
            MESSAGES.insert(),
            [
                {
                    **{"group_id": row.group_id, "seq": row.seq, "agent_id": "", "kind": "rules", "ref": ""},
                    **{"by_member": row.actor, "at": row.at, "delivered_at": row.at},
                    "text": json.loads(row.body)["rules"].replace("\x00", "\N{REPLACEMENT CHARACTER}"),
                }
                for row in page
            ],
        )
        after = page[-1].id
