"""Alembic migrations; shipped inside the wheel, so that an installed copy can migrate its own database."""
