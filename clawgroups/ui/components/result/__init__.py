"""What a group made: its result and its files."""
