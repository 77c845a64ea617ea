"""Seats and delivery times of their own, and room for long words from outside.

A resume finds the sub-agents that hold a seat by an index instead of by reading every summary, and a member's or
tool's long name no longer spoils a commit on PostgreSQL.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID, _TEXT, _BIG = sa.String(80), sa.Text(), sa.BigInteger()
WIDER: dict[str, dict[str, sa.types.TypeEngine[object]]] = {
    "agent_tasks": {"agent_id": _ID},
    "agents": {"id": _ID, "group_id": _ID, "parent": _ID, "member": _TEXT, "driver": _TEXT},
    "artifacts": {"agent_id": _ID, "path": _TEXT, "group_id": _ID, "snapshot": _TEXT},
    "events": {"group_id": _ID, "actor": _TEXT, "agent_id": _ID},
    "groups": {"id": _ID, "steps": _BIG},
    "ledger_owner": {"token": _TEXT, "host": _TEXT},
    "members": {"id": _TEXT},
    "messages": {"group_id": _ID, "agent_id": _ID, "by_member": _TEXT},
    "requests": {
        "id": _ID,
        "group_id": _ID,
        "agent_id": _ID,
        "call": _TEXT,
        "tool": _TEXT,
        "decision": _TEXT,
        "by_member": _TEXT,
        "scope": _TEXT,
    },
    "steps": {
        "agent_id": _ID,
        "group_id": _ID,
        "by_member": _TEXT,
        "finish": _TEXT,
        "tokens_in": _BIG,
        "tokens_out": _BIG,
        "cached": _BIG,
        "preview": _TEXT,
    },
    "tool_calls": {"agent_id": _ID, "call_id": _TEXT, "group_id": _ID, "name": _TEXT},
    "usage": {"group_id": _ID, "member": _TEXT, "steps": _BIG},
}
ADDED: dict[str, dict[str, sa.types.TypeEngine[object]]] = {
    "agents": {"seat": sa.Integer()},
    "groups": {"cached": sa.BigInteger()},
    "messages": {"ref": _ID, "delivered_at": sa.BigInteger()},
}


def upgrade() -> None:
    """Widens, adds, fills from the summaries, then makes the new columns required."""
    for table, columns in WIDER.items():
        with op.batch_alter_table(table) as batch:
            for name, kind in columns.items():
                batch.alter_column(name, type_=kind, existing_nullable=False)
            for name, kind in ADDED.get(table, {}).items():
                batch.add_column(sa.Column(name, kind, nullable=True))
    _fill()
    for table, columns in ADDED.items():
        with op.batch_alter_table(table) as batch:
            for name, kind in columns.items():
                batch.alter_column(name, existing_type=kind, nullable=False)
    seated = sa.text("seat > 0")
    op.create_index("ix_agents_seated", "agents", ["group_id"], sqlite_where=seated, postgresql_where=seated)
    op.create_index("ix_messages_ref", "messages", ["ref"])
    op.drop_index("ix_groups_status", "groups")


def _fill() -> None:
    connection = op.get_bind()
    for table, column in (("agents", "seat"), ("groups", "cached")):
        place = sa.table(table, sa.column("id"), sa.column("state"), sa.column(column))
        for row in connection.execute(sa.select(place.c.id, place.c.state)).all():
            value = int(json.loads(row.state).get(column, 0))
            connection.execute(sa.update(place).where(place.c.id == row.id).values({column: value}))
    messages = sa.table("messages", *(sa.column(name) for name in ("kind", "at", "ref", "delivered_at")))
    connection.execute(sa.update(messages).values(ref="", delivered_at=messages.c.at))
