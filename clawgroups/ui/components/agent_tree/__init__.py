"""The tree: who works for whom, and what that costs."""
