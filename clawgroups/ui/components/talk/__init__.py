"""The room of a group: its chat and its standing rules."""
