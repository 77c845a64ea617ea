"""Who drives a sub-agent, since when, until when."""
