"""The command line: reads what was asked, builds it, runs it. ``main`` is the entry point."""

from clawgroups.cli.app import main

__all__ = ["main"]
