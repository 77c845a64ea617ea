"""What a sub-agent asks of people, answered in place."""
