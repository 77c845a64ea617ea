"""The timeline: what every sub-agent did when."""
