"""The inbox: what needs a person, and the buttons to answer it."""
