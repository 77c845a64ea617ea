"""People's terminals in a sub-agent's sandbox."""
