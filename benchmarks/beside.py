"""What a benchmark says beside its figures: on standard error, so that the last line of the output stays theirs."""

from __future__ import annotations

import json
import os
import sys


def beside(**facts: object) -> None:
    """One line of JSON with facts that help to judge the figures; the machine's load of the last minute is added."""
    sys.stderr.write(json.dumps({**facts, "load": round(os.getloadavg()[0], 1)}) + "\n")
