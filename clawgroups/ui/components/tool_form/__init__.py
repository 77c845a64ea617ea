"""A form made from a tool's JSON schema."""
