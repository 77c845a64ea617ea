"""What was done to accounts, by whom and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

SQLITE = """
CREATE TRIGGER account_changes_append_only_{what} BEFORE {what} ON account_changes
BEGIN SELECT RAISE(ABORT, 'the record of accounts is append-only'); END
"""
POSTGRESQL = """
CREATE TRIGGER account_changes_append_only BEFORE UPDATE OR DELETE ON account_changes
FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()
"""


def upgrade() -> None:
    """One table beside the record, empty: what was done before stands in the server's log alone."""
    op.create_table(
        "account_changes",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_account_changes")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(what=what))
