"""The members of this installation as a list."""
