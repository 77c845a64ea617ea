"""The switch between the wall and the result."""
