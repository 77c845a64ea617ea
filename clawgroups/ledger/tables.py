"""The tables. ``events`` is the truth; all others mirror it and are written in the same transaction.

Rowid tables on purpose: with rows of 2 KB, WITHOUT ROWID costs three times the time and twice the space.
Times are ms since 1970 UTC; ``state`` columns hold the msgspec JSON of the summaries in ``group/state.py``.
Words that come from outside have no length here: a long name must not spoil a commit.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_ID = String(80)

# NOTE: a partial index serves a query only when the query holds the same words, so both take them from here.
UNFINISHED = text("ended_at = 0")
SEATED = text("seat > 0")
AT_THE_WHEEL = text("kind IN ('driver_stopped', 'seat_lost', 'taken_over')")
TURNS = text(
    "kind IN ('driver_granted', 'taken_over', 'driver_stopped', 'handed_back', 'reassigned', 'seat_lost',"
    " 'seat_restored', 'agent_paused', 'lease_lapsed', 'agent_resumed', 'agent_held', 'agent_unheld',"
    " 'agent_requeued', 'agent_finished', 'agent_failed', 'agent_cancelled')"
)
STILL_OPEN = text("requests.state = 'open'")  # said in full: sub-agents have a state too


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("group_id", _ID, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("agent_id", _ID, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("group_id", "seq"),
    Index("ix_events_agent_id_seq", "agent_id", "seq"),
    _partial("ix_events_at_the_wheel", "agent_id", "seq", where=AT_THE_WHEEL),
    _partial("ix_events_turns", "group_id", "seq", where=TURNS),
)

groups = Table(
    "groups",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("goal", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Index("ix_groups_created_at", "created_at", "id"),
    _partial("ix_groups_unfinished", "id", where=UNFINISHED),
)

agents = Table(
    "agents",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("group_id", _ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("parent", _ID, nullable=False),
    Column("status", String(20), nullable=False),
    Column("member", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("seat", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    UniqueConstraint("group_id", "number"),
    _partial("ix_agents_seated", "group_id", where=SEATED),
)

agent_tasks = Table(
    "agent_tasks",
    metadata,
    Column("agent_id", _ID, primary_key=True),
    Column("title", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("system_prompt", Text, nullable=False),
    Column("acceptance", Text, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("agent_id", _ID, nullable=False),
    Column("step", Integer, nullable=False),
    Column("group_id", _ID, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("by_member", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("finish", Text, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
    Column("preview", Text, nullable=False),
    UniqueConstraint("agent_id", "step"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("agent_id", _ID, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("group_id", _ID, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("fate", String(20), nullable=False),
    Column("proposed_seq", BigInteger, nullable=False),
    Column("closed_seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("group_id", _ID, nullable=False),
    Column("agent_id", _ID, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("call", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("answered_at", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("by_member", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("assigned_to", Text, nullable=False, server_default=""),
    Column("assigned_at", BigInteger, nullable=False, server_default="0"),
    Index("ix_requests_group_id_opened_at", "group_id", "opened_at", "id"),
    Index("ix_requests_opened_at", "opened_at", "id"),
    _partial("ix_requests_open", "group_id", "opened_at", where=text("state = 'open'")),
    _partial("ix_requests_answered", "group_id", "answered_at", "id", where=text("state = 'answered'")),
)

messages = Table(
    "messages",
    metadata,
    Column("group_id", _ID, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("agent_id", _ID, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("ref", _ID, nullable=False),
    Column("by_member", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_messages_ref", "ref"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("group_id", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("agent_id", _ID, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("group_id", _ID, nullable=False, index=True),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("snapshot", Text, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("agent_id", _ID, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("group_id", _ID, nullable=False),
    Column("tree", Text, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("group_id", _ID, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("steps", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("body", Text, nullable=False),
    Column("removed_at", BigInteger, nullable=False),
)

owner = Table(
    "ledger_owner",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
)

# --- the search, filled behind the record: see search_index.py. The words themselves lie in ``search_words``, which is
# not described here: it is a virtual table on SQLite, and another one on PostgreSQL.

search_groups = Table(
    "search_groups",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("group_id", _ID, nullable=False, unique=True),
)

search_facts = Table(
    "search_facts",
    metadata,
    Column("group_id", _ID, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("value", Text, primary_key=True),
    Index("ix_search_facts_kind_value", "kind", "value"),
)

search_progress = Table(
    "search_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False),
)
