"""The real program on a real pseudo-terminal, with an emulator that shows what a person would see of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyte
from cli_steps import PATIENCE_S, PROGRAM, wait_for

# The terminal becomes the program's controlling one, so that its Ctrl-C is the terminal's own signal.
ON_A_TERMINAL = (
    sys.executable,
    "-c",
    "import fcntl, os, signal, sys, termios; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0)\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
CTRL_C = b"\x03"
COLOUR = re.compile(rb"\x1b\[[\d;]*\b(?:3\d|4\d|9\d|10\d)\b[\d;]*m")


class Terminal:
    """``clawgroups WORDS --home HOME`` on a terminal. ``piped``: standard output goes to a pipe instead.

    ``screen`` is what stands on it now, ``raw`` every byte that came. Leaving it kills what is left.
    """

    def __init__(
        self,
        *words: object,
        home: Path,
        columns: int = 100,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        piped: bool = False,
    ) -> None:
        self.raw = b""
        self._emulated = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._emulated)
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._kept = slave  # held open, so that its settings can be read when the program has ended
        self.settings = termios.tcgetattr(slave)
        plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [*ON_A_TERMINAL, *PROGRAM, *(str(word) for word in words), "--home", str(home)],
            stdin=slave,
            stdout=subprocess.PIPE if piped else slave,
            stderr=slave,
            text=True,
            env={**plain, "TERM": "xterm-256color", **(env or {})},
        )
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    def _hear(self) -> None:
        while True:
            try:
                letters = os.read(self._master, 65_536)
            except OSError:  # the last one that had it open is gone
                return
            with self._lock:
                self.raw += letters
                self._stream.feed(letters)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *left: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self._kept)
        self._hearing.join(PATIENCE_S)
        os.close(self._master)
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def lines(self) -> list[str]:
        """The rows of the screen that hold something, as they stand now."""
        with self._lock:
            return [row.rstrip() for row in self._emulated.display if row.strip()]

    @property
    def screen(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def whole(self) -> str:
        """The same with the rows put together, for what is longer than a row."""
        with self._lock:
            return "".join(self._emulated.display)

    def until(self, *words: str) -> str:
        """The screen, once all the words stand on it at the same time."""

        def shown() -> str:
            now = self.screen
            return now if all(word in now for word in words) else ""

        try:
            return str(wait_for(shown, f"{words} on the screen"))
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen}") from error

    def press(self, keys: bytes) -> None:
        """What a person types."""
        os.write(self._master, keys)

    def wait(self) -> int:
        """Its exit status, once all that it wrote has been read."""
        status = self.process.wait(PATIENCE_S)
        before = -1
        while before != len(self.raw) or self._waiting():  # what is in the terminal still comes out
            before = len(self.raw)
            wait_for(lambda: not self._waiting(), "the reading of the rest")
        return status

    def _waiting(self) -> int:
        buffer = bytearray(4)
        fcntl.ioctl(self._master, termios.FIONREAD, buffer)
        return int.from_bytes(buffer, sys.byteorder)

    def left_well(self) -> None:
        """Asserts that whoever uses the terminal next finds it as it was: settings, cursor, colours, screen."""
        now: list[Any] = termios.tcgetattr(self._kept)
        assert now == self.settings, "echo, line editing and signals are as before"
        assert not self._emulated.cursor.hidden, "the cursor is shown"
        assert b"\x1b[?1049h" not in self.raw or self.raw.rfind(b"\x1b[?1049l") > self.raw.rfind(b"\x1b[?1049h")
        assert self._emulated.cursor.attrs == pyte.Screen(1, 1).cursor.attrs, "no colour is left on"
        assert self._emulated.cursor.x == 0, f"the next prompt begins on a line of its own:\n{self.screen}"
