"""A field for words that are not lost by a reload."""
