"""What SGLang needs to serve Kimi-class checkpoints on a CPU; installed beside SGLang, imports nothing of ours."""
