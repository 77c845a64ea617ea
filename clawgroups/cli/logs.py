"""Where the log of a command goes."""

from __future__ import annotations

import logging
import sys


def set_up_logging(level: int) -> None:
    """Logs go to standard error; standard output belongs to results."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level, format=form, stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "websockets", "uvicorn", "asyncio", "aiosqlite", "engineio", "socketio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
