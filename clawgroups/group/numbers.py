"""Keeps numbers of one kind: ``0`` and ``0.0`` are equal in memory, but not in the record."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import force_setattr


def keep_floats(struct: Struct, *names: str) -> None:
    """Makes whole numbers in these fields floats, so that what is read back and written again has the same bytes."""
    for name in names:
        value = getattr(struct, name)
        if type(value) is int:
            force_setattr(struct, name, float(value))
