"""The tools that a sub-agent has in its own workspace."""
