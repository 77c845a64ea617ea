"""Snapshots in a table of their own, and indexes for every question that a long group is asked.

The newest workspace of a sub-agent, its last change at the wheel and the open requests are found without reading
through its history, however long that is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PAGE = 1_000


def upgrade() -> None:
    """Makes the table and fills it from the record, then exchanges the indexes."""
    op.create_table(
        "snapshots",
        sa.Column("agent_id", sa.String(80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.String(80), nullable=False),
        sa.Column("tree", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "seq", name=op.f("pk_snapshots")),
    )
    _fill()
    _partial("ix_events_at_the_wheel", "events", "kind IN ('driver_stopped', 'seat_lost', 'taken_over')", "seq")
    op.create_index("ix_groups_created_at", "groups", ["created_at", "id"])
    _partial("ix_groups_unfinished", "groups", "ended_at = 0")
    op.drop_index("ix_requests_group_id", "requests")
    op.drop_index("ix_requests_state", "requests")
    op.create_index("ix_requests_group_id_opened_at", "requests", ["group_id", "opened_at", "id"])
    op.create_index("ix_requests_opened_at", "requests", ["opened_at", "id"])
    _partial("ix_requests_open", "requests", "state = 'open'", "opened_at")


def _partial(name: str, table: str, where: str, *more: str) -> None:
    first = {"events": "agent_id", "groups": "id", "requests": "group_id"}[table]
    words = sa.text(where)
    op.create_index(name, table, [first, *more], sqlite_where=words, postgresql_where=words)


def _fill() -> None:
    snapshots = sa.table("snapshots", *(sa.column(name) for name in ("agent_id", "seq", "group_id", "tree")))
    for page in _pages():
        made = [
            {"agent_id": row.agent_id, "seq": row.seq, "group_id": row.group_id, "tree": tree}
            for row in page
            if (tree := json.loads(row.body).get("snapshot"))
        ]
        if made:
            op.get_bind().execute(snapshots.insert(), made)


def _pages() -> Iterator[list[Any]]:
    """The events that may hold a snapshot, in pages: a long record must not fill the memory."""
    names = ("id", "agent_id", "seq", "group_id", "kind", "body")
    events = sa.table("events", *(sa.column(name) for name in names))
    wanted = events.c.kind.in_(("call_closed", "driver_stopped"))
    after = 0
    while True:
        query = sa.select(events).where(events.c.id > after, wanted).order_by(events.c.id).limit(PAGE)
        page = list(op.get_bind().execute(query).all())
        if not page:
            return
        yield page
        after = page[-1].id
