"""What a person at the terminal is told, in short lines on standard error; standard output keeps its one line of JSON.

Under the app standard error is a file: no key is ever written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backend.control.shapes import Status
from backend.control.subject import Subject

LOOK_EVERY_S = 0.5
TENTHS = 10


class Telling:
    """Says each change once. ``say`` takes one line; ``control`` is the control's address."""

    def __init__(self, say: Callable[[str], object], control: str) -> None:
        self._say = say
        self._control = control
        self._state = ""
        self._tenth = -1
        self._since = 0.0

    def begin(self, status: Status, made: str, *, terminal: bool) -> None:
        """The plan, and where the keys are. ``made``: a token that was made here, "" where it was set."""
        plan = status.plan
        for row in plan.rows[:4] if plan else []:
            self._say(f"{row.label}: {row.value}")
        self._say(f"Control: {self._control}")
        if not made:
            self._say("Its token is the one in BACKEND_CONTROL_TOKEN.")
        elif terminal:
            self._say(f"Its token, made for this run: {made}")
        else:
            self._say("Its token was made for this run; set BACKEND_CONTROL_TOKEN to know it.")
        self._say("The API wants the key in BACKEND_API_KEY, none if that is not set.")

    def tell(self, status: Status) -> None:
        """Says what is new since the last time."""
        if (status.state, status.since) != (self._state, self._since):
            self._state, self._since, self._tenth = status.state, status.since, -1
            self._turned(status)
        fraction = status.progress.fraction
        if status.state == "loading" and fraction is not None and int(fraction * TENTHS) > self._tenth:
            self._tenth = int(fraction * TENTHS)
            self._say(f"Loading: {self._tenth * 100 // TENTHS} %")

    def _turned(self, status: Status) -> None:
        error = status.error
        if status.state == "ready":
            self._say(f"Serving {status.served_name} at {status.url}" if status.url else f"{status.served_name} is up.")
        elif status.state == "restarting" and error:
            self._say(f"{status.progress.sentence}: {error.sentence}")
        elif status.state == "failed" and error:
            self._say(f"error: {error.sentence}")
            if error.hint:
                self._say(f"hint: {error.hint}")
            shown = '-H "Authorization: Bearer $BACKEND_CONTROL_TOKEN"'
            self._say(f"It waits to be started: curl -X POST {shown} {self._control}/start")
        elif status.progress.sentence and status.state != "loading":
            self._say(f"{status.progress.sentence}.")

    async def run(self, subject: Subject) -> None:
        """Looks until it is cancelled."""
        while True:
            self.tell(subject.status())
            await asyncio.sleep(LOOK_EVERY_S)
