"""The server's own page of its API, and where the server can be reached."""

from __future__ import annotations

import re

import httpx
import psutil

from clawgroups.testing.server_process import ServerProcess


def test_the_page_shows_every_address_with_its_fields_and_needs_no_other_server(client: httpx.Client) -> None:
    page, schema = client.get("/docs"), client.get("/openapi.json").json()
    assert page.headers["content-type"].startswith("text/html")
    shown = re.findall(r"<b class=(\w+)>.*?<code>(.*?)</code>", page.text)
    assert sorted(shown) == sorted((method, path) for path, methods in schema["paths"].items() for method in methods)
    assert not re.findall(r"(?:src|href)=\"?(?:https?:)?//", page.text)
    for field in ("folder_mode", "tool_calls", "children", "scope", "key_ref"):
        assert field in page.text or field in str(schema)
    assert "now | after_step" in page.text
    assert "``" not in page.text


def test_what_the_description_promises_of_errors_is_their_shape(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            for status, told in operation["responses"].items():
                if int(status) >= 400:
                    reference = told["content"]["application/json"]["schema"]["$ref"]
                    assert reference.endswith("/ErrorReply"), f"{path} {status}"
    assert set(schema["components"]["schemas"]["Told"]["required"]) == {"code", "sentence", "hint"}


def test_it_can_be_reached_from_this_machine_only(server: ServerProcess) -> None:
    listening = [c.laddr.ip for c in psutil.Process(server.pid).net_connections("inet") if c.status == "LISTEN"]
    assert listening
    assert set(listening) == {"127.0.0.1"}
