"""Claw Groups: a control room in which people take the wheel of running agents."""

__version__ = "0.1.0"
