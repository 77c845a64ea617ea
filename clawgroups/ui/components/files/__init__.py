"""The files of a sub-agent's workspace."""
