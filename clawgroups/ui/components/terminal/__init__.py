"""The terminal of a sub-agent's workspace, as the browser shows it."""
