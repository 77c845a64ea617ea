"""An index of the turns at the wheel, from which timelines are drawn without reading through every step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TURNS = sa.text(
    "kind IN ('driver_granted', 'taken_over', 'driver_stopped', 'handed_back', 'reassigned', 'seat_lost',"
    " 'seat_restored', 'agent_paused', 'lease_lapsed', 'agent_resumed', 'agent_held', 'agent_unheld',"
    " 'agent_requeued', 'agent_finished', 'agent_failed', 'agent_cancelled')"
)


def upgrade() -> None:
    """Makes the index; the record stays as it is."""
    op.create_index("ix_events_turns", "events", ["group_id", "seq"], sqlite_where=TURNS, postgresql_where=TURNS)
