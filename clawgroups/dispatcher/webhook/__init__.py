"""Tells a chat outside that a person is needed, or that a group has ended."""
