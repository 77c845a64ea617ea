"""The database itself keeps the record append-only, and mirrors that earlier versions left incomplete are filled.

A revision that makes ``events`` anew on SQLite (a batch operation) loses its triggers and must make them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAGE = 1_000
SQLITE = """
CREATE TRIGGER events_append_only_{what} BEFORE {what} ON events
BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END
"""
POSTGRESQL = (
    """
CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the record is append-only' USING ERRCODE = 'integrity_constraint_violation'; END
$$
""",
    """
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()
""",
)


def upgrade() -> None:
    """Fills, then makes the triggers; they cost an insert nothing."""
    _fill_steers()
    _fill_house()
    if op.get_bind().dialect.name == "postgresql":
        for statement in POSTGRESQL:
            op.execute(statement)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(what=what))


def _fill_steers() -> None:
    """Queued words from before 0002 have no id and count as delivered when they were written."""
    bind = op.get_bind()
    messages = sa.table("messages", *(sa.column(name) for name in ("group_id", "seq", "kind", "ref", "delivered_at")))
    wanted = sa.and_(messages.c.kind == "steer", messages.c.ref == "")
    if bind.execute(sa.select(messages.c.seq).where(wanted).limit(1)).first() is None:
        return
    for row in _events("steer_queued"):
        place = sa.and_(wanted, messages.c.group_id == row.group_id, messages.c.seq == row.seq)
        ref = json.loads(row.body)["id"]
        bind.execute(sa.update(messages).where(place).values(ref=ref, delivered_at=0))
    for row in _events("steer_delivered"):
        at = messages.c.ref == json.loads(row.body)["id"]
        bind.execute(sa.update(messages).where(at).values(delivered_at=row.at))


def _events(kind: str) -> Iterator[Any]:
    """In pages: a long record must not fill the memory."""
    events = sa.table("events", *(sa.column(name) for name in ("id", "group_id", "seq", "at", "kind", "body")))
    after = 0
    while True:
        query = sa.select(events).where(events.c.id > after, events.c.kind == kind).order_by(events.c.id).limit(PAGE)
        page = op.get_bind().execute(query).all()
        if not page:
            return
        yield from page
        after = page[-1].id


def _fill_house() -> None:
    """The members with which the installation's own group was made."""
    bind = op.get_bind()
    groups = sa.table("groups", sa.column("id"), sa.column("state"))
    names = ("id", "name", "kind", "body", "removed_at")
    members = sa.table("members", *(sa.column(name) for name in names))
    house = bind.execute(sa.select(groups.c.state).where(groups.c.id == "house")).first()
    known = set(bind.execute(sa.select(members.c.id)).scalars())
    present = json.loads(house.state).get("members", {}) if house is not None else {}
    missing = [
        {"id": key, "name": member["name"], "kind": member["kind"], "body": json.dumps(member), "removed_at": 0}
        for key, member in present.items()
        if key not in known
    ]
    if missing:
        bind.execute(members.insert(), missing)
