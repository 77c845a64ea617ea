"""Who may sign in here, who is asking, and what they may do."""
