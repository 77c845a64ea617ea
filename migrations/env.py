"""Runs migrations on the connection that the ledger hands over, in the transaction that it is in."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from clawgroups.ledger.tables import metadata


def main(connection: Connection) -> None:
    """``render_as_batch``: SQLite changes a column only by making the table anew."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


main(context.config.attributes["connection"])
