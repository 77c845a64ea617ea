"""Every wrong request is answered in the one shape of errors, with a hint that helps, and nothing breaks the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clawgroups.testing.server_process import ServerProcess

JSON, TEXT = {"content-type": "application/json"}, {"content-type": "text/plain"}
BIG = b'{"name": "' + b"x" * (9 << 20) + b'"}'


def _error(reply: httpx.Response) -> dict[str, Any]:
    body = reply.json()
    assert list(body) == ["error"], body
    error: dict[str, Any] = body["error"]
    assert {"code", "sentence", "hint"} <= error.keys()
    assert error["sentence"].strip().endswith("."), error
    return error


@pytest.mark.parametrize(
    ("method", "path", "send", "status", "code", "told"),
    [
        ("GET", "/nothing", {}, 404, "not_found", "/api/v1/docs"),
        ("GET", "/groups/zzzzzzzz", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/groups/zzzzzzzz/events", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/groups/zzzzzzzz/export", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/groups/zzzzzzzz/files/a.md", {}, 404, "not_found", "zzzzzzzz"),
        ("POST", "/groups/zzzzzzzz/start", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/agents/zzzzzzzz-1", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/agents/-", {}, 404, "not_found", "There is no sub-agent -."),
        ("GET", "/agents/nope", {}, 404, "not_found", "There is no sub-agent nope."),
        ("GET", "/agents/nope/transcript", {}, 404, "not_found", "There is no sub-agent nope."),
        ("POST", "/agents/nope/pause", {}, 404, "not_found", "There is no sub-agent nope."),
        ("GET", "/agents/nope/hand-back/preview", {}, 404, "not_found", "There is no sub-agent nope."),
        ("POST", "/agents/zzzzzzzz-1/take-over", {}, 404, "not_found", "zzzzzzzz"),
        ("GET", "/requests?group=zzzzzzzz", {}, 404, "not_found", "zzzzzzzz"),
        ("POST", "/requests/zzzzzzzz-r1/answer", {"json": {"decision": "approve"}}, 404, "not_found", "zzzzzzzz-r1"),
        ("GET", "/members/nobody", {}, 404, "not_found", "nobody"),
        ("DELETE", "/members/nobody", {}, 404, "not_found", "nobody"),
        ("POST", "/members/nobody/test", {}, 404, "not_found", "nobody"),
        ("PUT", "/groups", {}, 405, "method_not_allowed", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/status", {}, 405, "method_not_allowed", "GET"),
        ("GET", "/groups/zzzzzzzz/feed", {}, 426, "websocket_only", "ws://"),
        ("GET", "/groups/a%00b", {}, 400, "bad_request", "NUL"),
        ("GET", "/requests?group=a%00b", {}, 400, "bad_request", "NUL"),
        ("POST", "/groups", {}, 422, "invalid", "Send a JSON object with: name, goal"),
        ("POST", "/groups", {"content": b"{oh", "headers": JSON}, 422, "invalid", "not JSON"),
        ("POST", "/groups", {"content": b"[1]", "headers": JSON}, 422, "invalid", "body"),
        ("POST", "/groups", {"content": b"[" * 90_000, "headers": JSON}, 400, "bad_request", "nested"),
        ("POST", "/groups", {"content": b"\xff\xfe", "headers": JSON}, 422, "invalid", "not JSON"),
        ("POST", "/groups", {"data": {"name": "x"}}, 415, "not_json", "Content-Type: application/json"),
        ("POST", "/groups", {"content": b"{}", "headers": TEXT}, 415, "not_json", "text/plain"),
        ("POST", "/groups", {"content": BIG, "headers": JSON}, 413, "too_large", "8 MiB"),
        ("POST", "/groups", {"json": {"name": "x", "template": "surveys"}}, 422, "invalid", "Templates: survey"),
        ("POST", "/groups", {"json": {"name": "x", "template": "survey"}}, 422, "invalid", "needs a folder"),
        ("POST", "/groups", {"json": {"name": "x", "folder": "/no/such"}}, 422, "invalid", "/no/such"),
        ("POST", "/groups", {"json": {"name": "x", "folder": "/" + "a" * 3000}}, 422, "invalid", "too long"),
        ("POST", "/groups", {"json": {"name": "x", "conductor": "nobody"}}, 422, "invalid", "Members: "),
        ("POST", "/groups", {"json": {"name": "x"}}, 422, "invalid", "needs a conductor"),
        ("POST", "/members", {"json": {"name": "x", "kind": "model"}}, 422, "invalid", "base_url and model"),
        ("POST", "/members", {"json": {"name": "x", "kind": "program"}}, 422, "invalid", "list of words"),
        ("DELETE", "/members/survey-worker", {}, 422, "invalid", "stays"),
        ("GET", "/groups/zzzzzzzz/events?limit=0", {}, 422, "invalid", "limit (query)"),
        ("GET", "/groups/zzzzzzzz/events?after=99999999999999999999", {}, 422, "invalid", "after (query)"),
        ("GET", "/requests?state=lost", {}, 422, "invalid", "'open'"),
        ("GET", "/me", {"headers": {"x-claw-person": "nobody"}}, 422, "invalid", "nobody"),
        ("GET", "/me", {"headers": {"x-claw-person": "survey-worker"}}, 422, "invalid", "not a person"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told_what_is_wrong(
    client: httpx.Client, method: str, path: str, send: dict[str, Any], status: int, code: str, told: str
) -> None:
    reply = client.request(method, path, **send)
    assert reply.status_code == status, reply.text
    error = _error(reply)
    assert error["code"] == code
    assert told in f"{error['sentence']} {error['hint']}"
    assert error["hint"], "every error of the door says how to mend it"


def test_all_problems_of_a_body_are_listed_with_their_fields(client: httpx.Client) -> None:
    body = {"nmae": "x", "limit": 0, "limits": {"max_live": "many"}}
    error = _error(client.post("/groups", json=body))
    assert {problem["field"] for problem in error["fields"]} == {"name", "nmae", "limit", "limits.max_live"}
    assert all(problem["problem"] and problem["mend"] for problem in error["fields"])


def test_a_body_without_a_length_is_bounded_too(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(12):
            yield b"x" * (1 << 20)

    reply = client.post("/groups", content=endless(), headers=JSON)
    assert reply.status_code == 413
    assert _error(reply)["code"] == "too_large"


def test_head_and_options_are_answered(client: httpx.Client) -> None:
    got, head = client.get("/members"), client.head("/members")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))
    options = client.options("/groups/anything/start")
    assert (options.status_code, options.headers["allow"]) == (204, "OPTIONS, POST")
    assert "access-control-allow-origin" not in options.headers
    assert client.head("/groups/zzzzzzzz").status_code == 404


def test_errors_outside_the_api_have_the_same_shape(server: ServerProcess) -> None:
    assert _error(httpx.get(f"{server.url}/no/such/page"))["code"] == "not_found"


def test_nothing_of_all_this_broke_the_server(server: ServerProcess, client: httpx.Client) -> None:
    assert client.get("/status").json()["ledger"]["state"] == "ok"
    assert "Traceback" not in server.log_text()
