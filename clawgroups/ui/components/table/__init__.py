"""The table: the sub-agents in rows to sort, filter, choose and act on."""
