"""What the person at the wheel writes, seen by those who watch."""
