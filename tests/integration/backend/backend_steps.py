"""What the backend's tests do again and again: wait with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 40.0


def until(read: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """The first true value of ``read``, within a deadline."""
    deadline = time.monotonic() + within_s
    while not (value := read()):
        assert time.monotonic() < deadline, f"{what} did not come in time"
        time.sleep(0.05)
    return value
