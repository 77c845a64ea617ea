"""What the record tells afterwards: runs, search, the timeline and its critical path."""
