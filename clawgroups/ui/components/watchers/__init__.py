"""Who else has a sub-agent open."""
