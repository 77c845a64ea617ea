"""What all requests together may hold of memory, over HTTP: images and bodies; and that it is given back at any end."""

from __future__ import annotations

import base64
import gc
import http.client
import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from backend_client_target import INSTANT, Target
from PIL import Image

from backend.api import doors
from backend.api.testing import Played, played, write_words
from backend.engine.limits import Limits

SCRIPT = {"PLAIN": "</think>The sky is blue.", "LONG": "</think>" + "on and on " * 300}
IMAGE_BYTES = 4 * 3 * 56 * 56
"""Pixels of one image of the tests, as floats."""
BODY_BYTES = 2**20


class Gate:
    """Holds the engine's passes up while it is closed; ``fails`` makes the next one fail."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.fails = False

    def __call__(self, _: Any) -> None:
        assert self.open.wait(60)
        if self.fails:
            self.fails = False
            raise RuntimeError("as the test wants it")


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[Played]:
    words = tmp_path_factory.mktemp("words")
    write_words(words)
    room = {"pixel_bytes": 4 * IMAGE_BYTES, "body_bytes": BODY_BYTES}
    with played(words, SCRIPT, limits=Limits(max_running=2), before=gate, **room) as running:
        yield running
        gate.open.set()


@pytest.fixture
def client(server: Played) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as opened:
        yield opened


def _url(colour: int, size: int = 56) -> str:
    file = io.BytesIO()
    Image.new("RGB", (size, size), (colour, 0, 0)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _body(words: str, *colours: int, **fields: Any) -> dict[str, Any]:
    images = [{"type": "image_url", "image_url": {"url": _url(colour)}} for colour in colours]
    content = [*images, {"type": "text", "text": words}]
    return {"messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 1000} | INSTANT | fields


def _until(server: Played, state: Callable[[], bool]) -> None:
    Target(server.url).until("context_len", lambda _: state())


@contextmanager
def _no_collector() -> Iterator[None]:
    """What is given back only once garbage is collected may be given back too late."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _nothing_held(server: Played) -> None:
    _until(server, lambda: (server.pixels.held, server.bodies.held) == (0, 0))


def test_images_beyond_the_room_for_all_of_them_are_told_to_come_again(
    server: Played, client: httpx.Client, gate: Gate
) -> None:
    gate.open.clear()
    with _no_collector(), ThreadPoolExecutor(8) as pool:
        try:
            asked = [pool.submit(client.post, "/v1/chat/completions", json=_body("PLAIN", n, n + 100)) for n in (1, 2)]
            _until(server, lambda: server.pixels.held == 4 * IMAGE_BYTES)
            refused = client.post("/v1/chat/completions", json=_body("PLAIN", 3))
            anthropic = client.post("/v1/messages/count_tokens", json=_anthropic(4))
            alone = client.post("/v1/chat/completions", json=_body("PLAIN", *range(10, 15)))
            text = pool.submit(client.post, "/v1/chat/completions", json=_body("PLAIN"))
        finally:
            gate.open.set()
        answers = [one.result() for one in (*asked, text)]
        assert refused.status_code == anthropic.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert "The images of all requests that wait or run take" in refused.json()["message"]
        assert "Try again in a moment" in refused.json()["message"]
        assert anthropic.json()["error"]["type"] == "rate_limit_error"
        assert (alone.status_code, "of this request take" in alone.json()["message"]) == (400, True)
        assert [one.status_code for one in answers] == [200] * 3
        _nothing_held(server)
    assert client.post("/v1/chat/completions", json=_body("PLAIN", 3)).status_code == 200


def _anthropic(colour: int) -> dict[str, Any]:
    data = _url(colour).partition(",")[2]
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}], "max_tokens": 4}


def test_the_same_image_in_many_requests_is_held_once(server: Played, client: httpx.Client, gate: Gate) -> None:
    gate.open.clear()
    with _no_collector(), ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(client.post, "/v1/chat/completions", json=_body("PLAIN", 7, n=2)) for _ in range(12)]
        service = server.host.known
        assert service is not None
        _until(server, lambda: len(service.running) == 12)
        held = server.pixels.held
        gate.open.set()
        assert {one.result().status_code for one in asked} == {200}
        assert held == IMAGE_BYTES
        _nothing_held(server)


def _hung_up(server: Played, body: dict[str, Any]) -> None:
    """Asks, and goes away while it waits for its answer."""
    service = server.host.known
    assert service is not None
    host, _, port = server.url.removeprefix("http://").partition(":")
    waiting = http.client.HTTPConnection(host, int(port))
    waiting.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    _until(server, lambda: bool(service.running))
    assert waiting.sock is not None
    waiting.sock.shutdown(socket.SHUT_RDWR)
    waiting.close()
    _until(server, lambda: not service.running)


def test_nothing_stays_taken_however_requests_end(
    server: Played, client: httpx.Client, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """Many of each: ended, hung up, aborted, refused, failed; streamed and not. In the end the room is empty."""
    caplog.set_level(logging.CRITICAL + 1, "backend.engine.engine")  # pytest would keep the tracebacks of all that fail
    odd = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "odd"}}}
    with _no_collector():
        for n in range(6):
            stream = {"stream": n % 2 == 0}
            assert client.post("/v1/chat/completions", json=_body("PLAIN", n, n + 1, **stream)).status_code == 200
            gate.open.clear()
            _hung_up(server, _body("LONG", n, n + 2, **stream))
            gate.open.set()
            _aborted(server, client, gate, _body("LONG", n, **stream))
            broken = _body("PLAIN", n)
            broken["messages"][0]["content"][0:0] = [{"type": "image_url", "image_url": _url(9)[:-60]}]
            assert client.post("/v1/chat/completions", json=broken).status_code == 400
            for wrong in ({"max_tokens": 100_000}, {"response_format": odd}):
                assert client.post("/v1/chat/completions", json=_body("PLAIN", n, **wrong)).status_code == 400
            gate.fails = True
            failed = client.post("/v1/chat/completions", json=_body("PLAIN", n, n + 3, **stream))
            assert "as the test wants it" in failed.text
            assert client.post("/v1/messages/count_tokens", json=_anthropic(n)).status_code == 200
        _nothing_held(server)


def _aborted(server: Played, client: httpx.Client, gate: Gate, body: dict[str, Any]) -> None:
    service = server.host.known
    assert service is not None
    gate.open.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/v1/chat/completions", json=body)
        _until(server, lambda: bool(service.running))
        assert client.post("/abort_request", json={"abort_all": True}).json() == {"aborted": 1}
        gate.open.set()
        assert '"abort"' in asked.result().text


def test_bodies_beyond_the_room_for_all_of_them_are_told_to_come_again(
    server: Played, client: httpx.Client, gate: Gate
) -> None:
    words = "PLAIN " + " " * (BODY_BYTES * 2 // 3)
    body = json.dumps({"prompt": [1, 2, 3], "max_tokens": 3, "user": words})
    headers = {"Content-Type": "application/json"}
    gate.open.clear()
    with ThreadPoolExecutor(2) as pool:
        try:
            asked = pool.submit(client.post, "/v1/completions", content=body, headers=headers)
            _until(server, lambda: server.bodies.held > BODY_BYTES * 2 // 3 - doors.UNCOUNTED - 100)
            refused = client.post("/v1/completions", content=body, headers=headers)
            aborted = client.post("/abort_request", json={"rid": "nobody"})
        finally:
            gate.open.set()
        assert asked.result().status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "The bodies of all requests" in refused.json()["message"]
    assert aborted.status_code == 200
    _nothing_held(server)
    assert client.post("/v1/completions", content=body, headers=headers).status_code == 200


def test_half_a_body_holds_its_room_for_a_while_only(server: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "STALLED_S", 0.2)
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 60) as stalled:
        head = (
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n"
        )
        stalled.sendall(f"{head}\r\n".encode() + b" " * 200_000)
        said = stalled.recv(65536)
    assert said.startswith(b"HTTP/1.1 408 ")
    _nothing_held(server)
