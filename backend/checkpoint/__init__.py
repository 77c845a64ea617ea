"""What a checkpoint folder holds: its configuration, its tensors and where they lie, and the INT4 layout."""
