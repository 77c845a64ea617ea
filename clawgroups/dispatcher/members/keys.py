"""Keys of model endpoints: in a file that only its owner can read, never in the ledger."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from clawgroups.errors import Invalid


class Keys:
    """``key_ref`` is ``env:NAME`` (read when used) or ``secret:NAME`` (kept in the file); empty means no key."""

    def __init__(self, path: Path, env: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._env = env

    def read(self, key_ref: str) -> str:
        """The key. Raises Invalid when the reference leads nowhere."""
        if not key_ref:
            return ""
        kind, _, name = key_ref.partition(":")
        if kind == "env":
            key = self._env.get(name, "")
            hint = f"Set the environment variable {name} and start the server again."
        else:
            key = self._all().get(name, "")
            hint = "Give the member its key again: clawgroups members edit MEMBER --ask-key"
        if not key:
            raise Invalid(f"The key {key_ref} is not there.", hint=hint)
        return key

    def find(self, name: str) -> str:
        """A kept key by its name; "" where there is none."""
        return self._all().get(name, "")

    def keep(self, name: str, key: str) -> str:
        """Keeps a key and returns its reference."""
        self._write(self._all() | {name: key})
        return f"secret:{name}"

    def forget(self, name: str) -> None:
        """Drops a key that nobody needs any more."""
        kept = self._all()
        if kept.pop(name, None) is not None:
            self._write(kept)

    def _write(self, kept: dict[str, str]) -> None:
        part = self._path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(kept, file)
        os.replace(part, self._path)

    def _all(self) -> dict[str, str]:
        try:
            return {str(k): str(v) for k, v in json.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}
