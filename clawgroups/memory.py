"""Fits Python's and C's memory management to a server that makes and drops many small things in waves.

With the defaults, a third of the time of a busy dispatcher goes into looking for cycles among states that have none,
and into giving pages back to the kernel that the next batch asks for again.
"""

from __future__ import annotations

import ctypes
import gc

_M_TRIM_THRESHOLD = -1  # malloc.h of the GNU C library
_KEEP_BYTES = 128 * 1024 * 1024
_YOUNG = 20_000  # new containers between two looks at the youngest; Python's own is 700


def prepare() -> None:
    """To be called once by a process, when it has loaded what it needs."""
    gc.freeze()  # modules and classes stay for good; looking through them again finds nothing
    gc.set_threshold(_YOUNG, 20, 20)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has its own way
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
