"""Models that were found on this machine and are no members yet."""
