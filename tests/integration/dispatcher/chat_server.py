"""A chat's side of the webhook: a real HTTP server that takes, refuses, fails or stays silent as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = int | str | tuple[int, dict[str, str]]


class Chat:
    """``answers``: what comes next, in order: a status (with headers), or "silent"; after the last one all is taken."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.tries: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.hosts: list[str] = []
        self.over = threading.Event()
        self.held = threading.Event()  # cleared: nothing is answered until it is set
        self.held.set()
        self.url = ""

    def lines(self) -> list[str]:
        """Every line that was taken."""
        return [line for body in self.taken for line in body["text"].split("\n")]


@contextmanager
def chat() -> Iterator[Chat]:
    """A chat that listens on this machine."""
    made = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.hosts.append(self.headers["Host"])
            made.tries.append(body)
            made.held.wait(30)
            answer = made.answers.pop(0) if made.answers else 200
            if answer == "silent":
                made.over.wait(30)
                return
            status, headers = answer if isinstance(answer, tuple) else (int(answer), {})
            if status == 200:
                made.taken.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-of-the-team"
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        running.join(10)
