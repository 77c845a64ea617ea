"""The house's side of the backend: starts it or finds it, asks it how it does, and makes it a member.

The two programs meet over HTTP alone (docs/backend.md).
"""
