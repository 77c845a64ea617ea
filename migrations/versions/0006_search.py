"""The full-text search: an index of all words, filled behind the record, and the facts that history is filtered by.

Everything here can be made anew from the record. Where SQLite was built without FTS5 the index of words is left out;
it is made when a server with FTS5 opens the database.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clawgroups.ledger.search_index import make_words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; an indexer fills them."""
    op.create_table(
        "search_groups",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_groups")),
        sa.UniqueConstraint("group_id", name=op.f("uq_search_groups_group_id")),
    )
    op.create_table(
        "search_facts",
        sa.Column("group_id", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "kind", "value", name=op.f("pk_search_facts")),
    )
    op.create_index("ix_search_facts_kind_value", "search_facts", ["kind", "value"])
    op.create_table(
        "search_progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_progress")),
    )
    make_words(op.get_bind())
