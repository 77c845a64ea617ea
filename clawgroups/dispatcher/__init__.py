"""The dispatcher owns groups: commands in, events into the ledger, effects out to the runners."""
