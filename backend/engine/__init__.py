"""The CPU engine: the same checkpoints as on GPU servers, served by torch on the processor (or on CUDA)."""
