"""A PTY on the event loop: reads while the flow has room, sends on in pieces of some 16 ms, writes without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import struct
import termios
from collections.abc import Callable

from clawgroups.runner.terminal_flow import Flow

TICK_S = 0.016
MOST_INPUT = 1024 * 1024  # bytes that may wait until the shell reads them
DRAIN_S = 0.5
LFLAG = 3  # where the local modes stand in termios' list


def open_line(cols: int, rows: int) -> tuple[int, io.FileIO]:
    """(our end, the shell's end) of a new PTY; ours does not block."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    _set_size(master, cols, rows)
    return master, io.FileIO(slave, "r+")


class Line:
    """Our end. ``heard`` gets all text as soon as it is read, the function given to ``begin`` gets the pieces."""

    def __init__(self, master: int, heard: Callable[[str], None]) -> None:
        self._master = master
        self._heard = heard
        self._say: Callable[[int, str], None] = lambda number, text: None
        self._flow = Flow()
        self._input = bytearray()
        self._reading = False
        self._writing = False
        self._tick: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._ended = asyncio.Event()

    def begin(self, say: Callable[[int, str], None]) -> None:
        """Reads from now on."""
        self._say = say
        self._read_on()

    def write(self, text: str) -> None:
        """Types. What the shell does not take is kept up to a bound; beyond it, it is said and left out."""
        data = text.encode("utf-8", "replace")
        if len(self._input) + len(data) > MOST_INPUT:
            self._take(b"\r\n[the shell reads nothing; what was typed last was left out]\r\n")
            return
        self._input += data
        self._write_on()

    def resize(self, cols: int, rows: int) -> None:
        """The shell and what it runs are told by the kernel."""
        if self._master >= 0:
            _set_size(self._master, cols, rows)

    def hides_input(self) -> bool:
        """Whether a program asks for something that must not be seen: lines, and no echo of them."""
        with contextlib.suppress(termios.error, ValueError):
            local = termios.tcgetattr(self._master)[LFLAG]
            return bool(local & termios.ICANON) and not local & termios.ECHO
        return False

    def taken(self, number: int) -> None:
        """What came out up to ``number`` was shown."""
        self._flow.taken(number)
        self._send_soon()
        self._read_on()

    async def drain(self) -> None:
        """The last words of a shell that has ended; they are few, for the kernel keeps little."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._ended.wait()
        self._send_all()

    def close(self) -> None:
        """Lets go of it; the kernel hangs up on whoever still holds the other end."""
        if self._master < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        if self._tick is not None:
            self._tick.cancel()
        os.close(self._master)
        self._master = -1
        self._ended.set()

    # --- reading -------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        if not self._reading and self._master >= 0 and self._flow.room and not self._ended.is_set():
            self._reading = True
            asyncio.get_running_loop().add_reader(self._master, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, min(65_536, max(1, self._flow.room)))
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody holds the other end any more
            data = b""
        if not data:
            self._stop_reading()
            self._ended.set()
            return
        self._take(data)
        if not self._flow.room:
            self._stop_reading()

    def _take(self, data: bytes) -> None:
        self._heard(self._flow.add(data))
        self._send_soon()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._master)

    # --- sending on ----------------------------------------------------------------------------------

    def _send_soon(self) -> None:
        """At once after a silence, so that an echo does not wait; otherwise with what comes in the same tick."""
        if self._tick is not None or not self._flow.waits or self._master < 0:
            return
        loop = asyncio.get_running_loop()
        self._tick = loop.call_at(max(loop.time(), self._last + TICK_S), self._send)

    def _send(self) -> None:
        self._tick = None
        piece = self._flow.next()
        if piece is None:
            return  # the window is full; an acknowledgement goes on here
        self._last = asyncio.get_running_loop().time()
        self._say(*piece)
        self._send_soon()
        self._read_on()

    def _send_all(self) -> None:
        while piece := self._flow.next():
            self._say(*piece)

    # --- writing -------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        try:
            while self._input:
                sent = os.write(self._master, self._input[:4096])
                del self._input[:sent]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                asyncio.get_running_loop().add_writer(self._master, self._write_on)
            return
        except OSError:  # the shell is gone, and so are the words for it
            self._input.clear()
        if self._writing:
            self._writing = False
            asyncio.get_running_loop().remove_writer(self._master)


def _set_size(fd: int, cols: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
