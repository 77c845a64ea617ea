"""Looks after SGLang: its environment, its processes, its log, and what went wrong in words."""
