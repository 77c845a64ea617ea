"""Real servers to test against what cannot be had everywhere: GPUs, large models."""
