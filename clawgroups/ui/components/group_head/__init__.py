"""The header of a group: counts, limits, speed, and its own life."""
