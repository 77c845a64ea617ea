"""One-time keys in files of the home that only its owner can read."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from clawgroups.ids import new_token

SET_UP_KEY, HOME_KEY = "set-up.key", "admin.key"


class KeyFile:
    """A key in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str:
        """The key; empty where there is none."""
        try:
            return self.path.read_text().strip()
        except FileNotFoundError:
            return ""

    def make(self) -> str:
        """A fresh key in place of whatever was there."""
        key = new_token()
        part = self.path.with_suffix(".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
        os.replace(part, self.path)
        return key

    def keep(self) -> str:
        """The key that is there, or a fresh one: a link that was shown stays good over a restart."""
        return self.read() or self.make()

    def fits(self, key: str) -> bool:
        """Whether it is the one, and there is one."""
        known = self.read()
        return bool(known) and hmac.compare_digest(known.encode(), key.encode())

    def remove(self) -> None:
        """It is used up."""
        self.path.unlink(missing_ok=True)
