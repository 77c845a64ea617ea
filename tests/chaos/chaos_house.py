"""What the chaos test holds in its hands: the processes, and everything that the API has ever acknowledged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from clawgroups.testing.server_process import ServerProcess

PAGE = 1_000
ANSWERS = {
    "unknown_fate": {"decision": "leave"},
    "stall": {"decision": "retry"},
}


@contextmanager
def chaos_model(enough: Path) -> Iterator[str]:
    """The model server's process; gives its address."""
    command = [sys.executable, str(Path(__file__).with_name("chaos_model.py")), str(enough)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["base_url"])
        finally:
            process.kill()


class Witness:
    """Reads the record through the API all the time and answers what is asked; keeps what it was told.

    Everything in ``rows`` and ``steered`` was acknowledged by a server that may have died the next moment.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness")
        self.group = ""
        self.rows: dict[int, tuple[str, str]] = {}  # seq -> kind and body
        self.steered: list[str] = []
        self.broken: BaseException | None = None

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join(20.0)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request. Raises httpx.TransportError when the server dies over it."""
        answer = httpx.request(method, f"{self._server.api}{path}", timeout=10.0, **options)
        answer.raise_for_status()
        return answer.json()

    def steer(self, agent: str, text: str) -> None:
        """Words for a sub-agent; remembered only when the server has acknowledged them."""
        try:
            self.call("POST", f"/agents/{agent}/steer", json={"message": text})
        except httpx.HTTPError:
            return  # refused, or never answered: nothing was promised
        self.steered.append(text)

    def status(self) -> str:
        """The group's status; empty while nobody answers."""
        try:
            return str(self.call("GET", f"/groups/{self.group}")["status"])
        except httpx.TransportError:
            return ""

    def steps(self) -> int:
        """How many steps it has been shown."""
        return sum(kind == "step_committed" for kind, _ in list(self.rows.values()))

    def _watch(self) -> None:
        while not self._ending.is_set():
            try:
                self._read()
                self._answer()
            except (httpx.HTTPError, json.JSONDecodeError):
                pass  # the server was killed over it, or somebody was faster
            except BaseException as error:
                self.broken = error
                raise
            time.sleep(0.05)

    def _read(self) -> None:
        after = max(self.rows, default=0)
        while True:
            path = f"/groups/{self.group}/events"
            page = self.call("GET", path, params={"after": after, "limit": PAGE})["events"]
            for row in page:
                told = row["kind"], json.dumps(row["body"], sort_keys=True)
                assert self.rows.setdefault(row["seq"], told) == told, f"event {row['seq']} has changed"
            if len(page) < PAGE:
                return
            after = page[-1]["seq"]

    def _answer(self) -> None:
        for request in self.call("GET", "/requests", params={"group": self.group})["requests"]:
            way = ANSWERS.get(request["kind"])
            assert way is not None, f"nobody knows how to answer {request}"
            self.call("POST", f"/requests/{request['id']}/answer", json=way)
