"""Drivers: one module per kind of member that can take a turn."""
