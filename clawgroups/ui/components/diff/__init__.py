"""What changed, line by line."""
