"""A client of a sub-agent's terminal: what it was shown, and what it says."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any

from api_steps import PATIENCE_S
from websockets.sync.client import connect

Json = dict[str, Any]


class TerminalViewer:
    """A context manager. ``shown`` is the screen's text since the last time it was shown anew."""

    def __init__(self, api: str, agent: str, *, person: str = "", takes: bool = True) -> None:
        headers = {"X-Claw-Person": person} if person else {}
        url = f"{api.replace('http', 'ws', 1)}/agents/{agent}/terminal"
        self._connecting = connect(url, additional_headers=headers, proxy=None, max_size=None)
        self._takes = takes
        self.frames: list[Json] = []
        self.shown = ""
        self.state: Json = {}

    def __enter__(self) -> TerminalViewer:
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)

    def say(self, what: str, **more: Any) -> None:
        self._socket.send(json.dumps({"t": what, **more}))

    def say_raw(self, frame: str) -> None:
        """A frame as it stands."""
        self._socket.send(frame)

    def open(self, epoch: int, *, cols: int = 100, rows: int = 30) -> None:
        """Opens the terminal and waits for its prompt."""
        self.say("open", epoch=epoch, cols=cols, rows=rows)
        self.until(lambda: self.state.get("state") == "open" and "$ " in self.shown)

    def type(self, text: str, epoch: int) -> None:
        self.say("in", epoch=epoch, text=text)

    def sees(self, words: str) -> None:
        self.until(lambda: words in self.shown)

    def sees_more(self, pieces: int) -> None:
        """So many more pieces of output."""
        before = len(self.of("out"))
        self.until(lambda: len(self.of("out")) >= before + pieces)

    def refusal(self) -> Json:
        """The next refusal."""
        before = len(self.of("refused"))
        self.until(lambda: len(self.of("refused")) > before)
        return self.of("refused")[-1]

    def until_state(self, state: str) -> Json:
        self.until(lambda: self.state.get("state") == state)
        return self.state

    def of(self, kind: str) -> list[Json]:
        return [frame for frame in self.frames if frame["t"] == kind]

    def until(self, holds: Any) -> None:
        """Reads until ``holds``, within a deadline."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            left = deadline - time.monotonic()
            assert left > 0, f"it did not happen: {self.state}, {self.shown[-500:]!r}"
            try:
                self._hear(json.loads(self._socket.recv(timeout=min(left, 0.2))))
            except TimeoutError:
                continue

    def _hear(self, frame: Json) -> None:
        self.frames.append(frame)
        if frame["t"] == "state":
            self.state = frame
        elif frame["t"] == "all":
            self.shown = frame["text"]
        elif frame["t"] == "out":
            self.shown += frame["text"]
            if self._takes:
                self.say("taken", number=frame["number"])
