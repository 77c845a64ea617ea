"""Benchmarks: each module has ``async def run() -> dict`` and is started with ``python -m clawgroups bench NAME``.

``QUICK`` holds the arguments of a small run. What the figures mean stands in ``docs/benchmarks.md``.
"""
