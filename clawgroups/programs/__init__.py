"""Bundled program members: plain programs that speak the program protocol, not models. Standard library only."""
