"""Runs migrations on the connection that the ledger (or the alembic command) hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from clawgroups.ledger.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Uses the connection in the configuration's attributes, or opens the configured URL."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run(connection)
        return
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.connect() as own:
        _run(own)


main()
