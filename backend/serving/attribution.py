"""Which name a model's licence asks to be shown.

Moonshot's Modified MIT licence (K2, K2.5, K2.6) asks products above 100 million monthly users or 20 million US dollars
of monthly revenue to show the model's name prominently. Who is that large is not known here, so it is always shown.
"""

from __future__ import annotations

import re

from backend.checkpoint.config import KIMI

_NAMED = re.compile(r"kimi[-_ ]?k(\d(?:\.\d+)?)", re.IGNORECASE)


def attribution(name: str, architecture: str) -> str:
    """The name to show, "" where no licence asks for one. ``name``: the model's path, or what it is served as."""
    found = _NAMED.search(name)
    if found:
        return f"Kimi K{found[1]}"
    return "Kimi K2.5" if architecture == KIMI else ""
