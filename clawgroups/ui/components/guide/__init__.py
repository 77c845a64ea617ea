"""The guide of a house that is new."""
