"""Ends a run whose supervisor was killed: a small process of its own that outlives it for that one purpose.

The supervisor holds the other end of its standard input, and writes the run's session to it. When that end closes
before the supervisor has ended this process, the supervisor is gone. (A signal that the kernel sends when a parent
dies would reach the first process of a run only, and SGLang has many.)
"""

from __future__ import annotations

import asyncio
import signal
import sys

from backend.supervisor.process import end_all


def main() -> None:
    """Waits until nobody holds the other end of the input, then ends the run whose mark is the first argument."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    told = sys.stdin.read().split()
    asyncio.run(end_all(sys.argv[1], int(told[0]) if told else None))


if __name__ == "__main__":
    main()
