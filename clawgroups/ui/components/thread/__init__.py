"""The thread of a sub-agent, as people read it."""
