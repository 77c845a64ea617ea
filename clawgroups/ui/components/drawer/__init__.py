"""The drawer: one sub-agent in detail, with its controls."""
