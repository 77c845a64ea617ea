"""Makes groups: templates, folders, members, limits, and what it may cost."""
