"""Accounts and one's own tokens."""
