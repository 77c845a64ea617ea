"""A checkpoint's chat template: messages to one text, whatever the template would like to do instead.

It is rendered by a process with bounds of memory and time (``template_worker.py``), which is started at the first use
and again after each that had to be ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from backend.errors import CheckpointError, RequestRefused
from backend.text.vocabulary import read_json

LARGEST_TEMPLATE = 2**20  # bytes
MEMORY = 2**30  # bytes of address space
SECONDS = 10.0
WORKER = Path(__file__).with_name("template_worker.py")
HINT = "The checkpoint's chat template is at fault; take it from the model's own page."


class _Overrun(Exception):
    """The worker did not answer in time, or died."""


class ChatTemplate:
    """A template and the process that renders it. ``close`` it, or use it in a ``with`` statement.

    One that is let go of without it (a checkpoint that failed to load later on) ends its process too.
    """

    def __init__(self, source: str, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.source = source
        self._seconds = seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ender: weakref.finalize[[subprocess.Popen[bytes]], ChatTemplate] | None = None

    def __enter__(self) -> ChatTemplate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Raises CheckpointError for a template that is not one."""
        with self._lock:
            self._started()

    def render(self, variables: dict[str, Any]) -> str:
        """The prompt. Blocks, up to the limit of time. Raises RequestRefused with what the template says against it."""
        with self._lock:
            process = self._started()
            try:
                answer = self._asked(process, variables)
            except _Overrun as late:
                self._end()
                raise RequestRefused(
                    f"The chat template did not come to an end within {self._seconds:g} s and its memory.", HINT
                ) from late
        if "error" in answer:
            raise RequestRefused(
                f"The chat template refuses these messages: {answer['error']}.", "Change the messages."
            )
        return str(answer["text"])

    def close(self) -> None:
        """Ends the process. The template may be used again after it."""
        with self._lock:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        command = [sys.executable, "-I", str(WORKER), str(self._memory), str(int(self._seconds) + 1)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._process = process
        self._ender = weakref.finalize(self, _ended, process)
        try:
            answer = self._asked(process, {"template": self.source}, self._seconds + 20)  # Python starts first
        except _Overrun as late:
            self._end()
            raise CheckpointError("The chat template could not be compiled in time.", HINT) from late
        if "error" in answer:
            self._end()
            raise CheckpointError(f"The chat template is none: {answer['error']}.", HINT)
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and self._ender is not None:
            self._ender()

    def _asked(self, process: subprocess.Popen[bytes], message: dict[str, Any], seconds: float = 0.0) -> dict[str, Any]:
        until = time.monotonic() + (seconds or self._seconds)
        data = json.dumps(message).encode()
        _write(process, len(data).to_bytes(8, "big") + data, until)
        length = int.from_bytes(_read(process, 8, until), "big")
        answer = json.loads(_read(process, length, until))
        assert isinstance(answer, dict)  # the worker is ours
        return answer


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what it was to read dies with it
                pipe.close()


def _ready(pipe: Any, event: int, until: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if not selector.select(max(0.0, until - time.monotonic())):
            raise _Overrun


def _write(process: subprocess.Popen[bytes], data: bytes, until: float) -> None:
    pipe = process.stdin
    assert pipe is not None
    os.set_blocking(pipe.fileno(), False)
    rest = memoryview(data)
    while rest:
        _ready(pipe, selectors.EVENT_WRITE, until)
        try:
            rest = rest[os.write(pipe.fileno(), rest) :]
        except BlockingIOError:
            continue
        except BrokenPipeError as gone:
            raise _Overrun from gone


def _read(process: subprocess.Popen[bytes], length: int, until: float) -> bytes:
    pipe = process.stdout
    assert pipe is not None
    found = bytearray()
    while len(found) < length:
        _ready(pipe, selectors.EVENT_READ, until)
        piece = os.read(pipe.fileno(), min(length - len(found), 2**20))
        if not piece:
            raise _Overrun
        found += piece
    return bytes(found)


def read_template(folder: Path) -> ChatTemplate | None:
    """The template of the checkpoint in ``folder``; None where it has none. Raises CheckpointError."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as bad:
            raise CheckpointError(f"{path} cannot be read: {bad}.", "Download the checkpoint again.") from bad
    else:
        settings = folder / "tokenizer_config.json"
        source = _chosen(read_json(settings).get("chat_template") if settings.is_file() else None)
    if len(source) > LARGEST_TEMPLATE:
        raise CheckpointError(f"{folder}: its chat template is larger than any is.", HINT)
    return ChatTemplate(source) if source else None


def _chosen(found: Any) -> str:
    """One text, or a list of named ones of which that named ``default`` counts."""
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else ""
