"""What is done of a quantization, so that one that was killed goes on where it stood.

``quantize.jsonl`` in the target: a first line that says of what it is, then one for each shard that lies there whole.
A line is written after its shard; a shard without a line is made anew. The file goes when all is done.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from backend.errors import CheckpointError
from backend.quantize.report import Error, Report
from backend.quantize.shard import PARTIAL, Written, sync_folder

NAME = "quantize.jsonl"
BLOCK = 2**20


class Journal:
    """The journal of one target folder. While it is open, no other process works there."""

    def __init__(self, folder: Path, what: dict[str, Any]) -> None:
        """Begin, or go on. Raises CheckpointError if the folder holds anything else."""
        self._path = folder / NAME
        _check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self._path.open("a+b")
        try:
            self._lock(folder)
            self.done: dict[str, Written] = {}
            self._read(folder, what)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Let others work there."""
        self._file.close()

    def record(self, shard: str, written: Written) -> None:
        """A shard lies there whole."""
        errors = [[*key, asdict(error)] for key, error in written.report.errors.items()]
        self._append({"shard": shard, "size": written.size, "sha256": written.sha256, "errors": errors})
        self.done[shard] = written

    def finish(self) -> None:
        """All is done: the folder is a checkpoint like any other."""
        self._path.unlink()
        self.close()
        sync_folder(self._path.parent)

    def _lock(self, folder: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            raise CheckpointError(f"Another process is quantizing into {folder}.", "Wait for it, or end it.") from held

    def _read(self, folder: Path, what: dict[str, Any]) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        whole = [_parsed(line) for line in lines[:-1]]  # what follows the last line's end was cut short
        self._file.truncate(sum(len(line) + 1 for line in lines[:-1]))
        if not whole:
            self._append(what)
        elif whole[0] != what:
            raise CheckpointError(
                f"{folder} holds a half-done quantization of something else or with other options.",
                "Name another folder, or delete that one.",
            )
        for line in whole[1:]:
            if isinstance(line, dict) and _is_whole(folder / line["shard"], line):
                self.done[line["shard"]] = _written(line)
        for path in folder.iterdir():
            if path.name.endswith(PARTIAL) or (path.suffix == ".safetensors" and path.name not in self.done):
                path.unlink()

    def _append(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder.", "Name a new folder.")
    if folder.exists() and any(folder.iterdir()) and not (folder / NAME).exists():
        raise CheckpointError(
            f"{folder} holds something else, or a checkpoint that is done.", "Name a new folder, or delete that one."
        )


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_whole(path: Path, line: dict[str, Any]) -> bool:
    """Whether a shard is still as it was written."""
    if not path.is_file() or path.stat().st_size != line.get("size"):
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return bool(digest.hexdigest() == line["sha256"])


def _written(line: dict[str, Any]) -> Written:
    report = Report()
    for layer, matrix, error in line["errors"]:
        report.add((layer, matrix), Error(**error))
    return Written(line["size"], line["sha256"], report)
