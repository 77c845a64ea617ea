"""Who has a request and since when, and a short way to what was answered in a group, newest first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody had what was asked in earlier versions."""
    op.add_column("requests", sa.Column("assigned_to", sa.Text(), nullable=False, server_default=""))
    op.add_column("requests", sa.Column("assigned_at", sa.BigInteger(), nullable=False, server_default="0"))
    words = sa.text("state = 'answered'")
    columns = ["group_id", "answered_at", "id"]
    op.create_index("ix_requests_answered", "requests", columns, sqlite_where=words, postgresql_where=words)
