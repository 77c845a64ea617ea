"""Random bodies at every address that takes one: each is answered, never with a failure of the server's own."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from api_steps import Plans, done
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawgroups.api.addresses import body_of, resolved
from clawgroups.testing.server_process import ServerProcess

Schema = dict[str, Any]
Door = tuple[str, str, st.SearchStrategy[Any]]
EXAMPLES = 40  # of each address
KEPT_SMALL = settings(  # the same bodies each time, so that a red run can be looked at again
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXT = st.text(max_size=12) | st.sampled_from(
    ["\0", "\ud800", "\udfff", "../..", "a" * 300, "you", "survey-worker", "<b>", "'--"]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def _of(schema: Schema, kind: Schema) -> st.SearchStrategy[Any]:
    """Values that fit a schema, roughly: near enough to get past the first check."""
    if "anyOf" in kind:
        return st.one_of([_of(schema, option) for option in kind["anyOf"]])
    kind = resolved(schema, kind)
    if "enum" in kind or "const" in kind:
        return st.sampled_from(kind.get("enum") or [kind["const"]])
    low, high = int(kind.get("minimum", -3)), int(min(kind.get("maximum", 10), 2**53))
    made: dict[str, st.SearchStrategy[Any]] = {
        "string": TEXT,
        "integer": st.integers(low, max(low, high)),
        "number": st.floats(low, max(low, high)),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    match kind.get("type"):
        case "object":
            return _object(schema, kind)
        case "array":
            return st.lists(_of(schema, kind.get("items", {})), max_size=3)
        case name:
            return made.get(str(name), JUNK)


def _object(schema: Schema, kind: Schema) -> st.SearchStrategy[Any]:
    fields = {name: _of(schema, field) | JUNK for name, field in kind.get("properties", {}).items()}
    needed = {name: _of(schema, kind["properties"][name]) for name in kind.get("required", [])}
    others = {name: field for name, field in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=others) if fields else st.dictionaries(TEXT, JUNK, max_size=3)


PEOPLES = ("/accounts", "/set-up", "/sign-", "/invitation", "/me", "/settings")


@pytest.fixture(scope="module")
def doors(client: httpx.Client) -> list[Door]:
    """Every address that takes a body, by its method, with bodies for it; from the server's own description."""
    schema = client.get("/openapi.json").json()
    found = [
        (method, path.removeprefix("/api/v1"), _of(schema, body_of(schema, operation)))
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in ("post", "put", "patch")
    ]
    assert {method for method, _, _ in found} == {"post", "put", "patch"}
    assert len(found) > 25
    return found


@pytest.fixture(scope="module")
def ids(plans: Plans) -> dict[str, str]:
    """A group, its sub-agent and a member that exist, for the addresses that need one."""
    agent = plans.group(plans.turn(wait="never"), start=False)
    group = agent.rsplit("-", 1)[0]
    of_group = {"agent_id": agent, "group_id": group, "request_id": f"{group}-r1"}
    return {**of_group, "member_id": "you", "word": "stop", "template_id": "t1"}


def _is_answered(client: httpx.Client, method: str, path: str, body: Any) -> None:
    """A body is taken or refused in words, and the refusal says how to mend it."""
    reply = client.request(method, path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert reply.status_code < 500, f"{method} {path} {body!r}: {reply.text}"
    if reply.status_code >= 400:
        error = reply.json()["error"]
        assert error["code"] != "internal"
        assert error["sentence"].strip(), error
        assert error["hint"].strip(), f"{method} {path} {body!r}: {error}"


def _are_answered(client: httpx.Client, method: str, path: str, bodies: st.SearchStrategy[Any]) -> None:
    """Each address for itself: drawn all at once they'd be more than one example may hold."""

    @KEPT_SMALL
    @given(body=bodies)
    def answered(body: Any) -> None:
        _is_answered(client, method, path, body)

    answered()


def test_no_body_breaks_the_server(client: httpx.Client, doors: list[Door], ids: dict[str, str]) -> None:
    for method, path, bodies in doors:
        if path.endswith("/test") or path.startswith(PEOPLES):
            continue  # it starts programs and asks endpoints; see test_members. Nor may an account shut the others out
        _are_answered(client, method, path.format(**ids), bodies | JUNK)


@KEPT_SMALL
@given(raw=st.binary(max_size=60))
def test_bytes_that_are_no_json_are_told_so(client: httpx.Client, raw: bytes) -> None:
    reply = client.post("/groups", content=raw, headers={"content-type": "application/json"})
    assert 400 <= reply.status_code < 500
    assert reply.json()["error"]["hint"]


def test_after_all_that_it_still_serves(client: httpx.Client, server: ServerProcess) -> None:
    assert done(client.get("/status"))["ledger"]["state"] == "ok"
    assert done(client.get("/groups"))["groups"]
    assert "Traceback" not in server.log_text()
