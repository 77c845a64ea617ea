"""The ledger: the append-only record of every group in SQL, and the tables that mirror its present state."""
