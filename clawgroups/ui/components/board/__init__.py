"""The board of the first page: all groups, and what needs a person in any of them."""
