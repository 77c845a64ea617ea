"""The rules of a group, pure: no I/O, no clock, no SQL. ``decide`` judges, ``evolve`` applies."""
