"""Files for the tests of attachments, and how they are put into a room."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import httpx
from api_steps import Json, done

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def attach(
    client: httpx.Client, group: str, name: str, data: bytes, kind: str = "application/octet-stream"
) -> httpx.Response:
    """Uploads one file."""
    path = f"/groups/{group}/attachments"
    return client.post(path, params={"name": name}, content=data, headers={"Content-Type": kind})


def post(client: httpx.Client, group: str, text: str, *ids: str, **more: Any) -> Json:
    """Says something with files."""
    body = {"text": text, "attachments": list(ids), **more}
    return done(client.post(f"/groups/{group}/messages", json=body), 201)


def attached(client: httpx.Client, group: str) -> list[Json]:
    """What is attached to the last message of the room."""
    found: list[Json] = done(client.get(f"/groups/{group}/room"))["messages"][-1]["attachments"]
    return found


READER = """
import hashlib, json, sys, time
from pathlib import Path

for line in sys.stdin:
    message = json.loads(line)
    entries = message.get("thread", message.get("entries", []))
    told = [entry for entry in entries if entry.get("attachments")]
    if told:
        paths = told[0]["attachments"]
        hashes = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
        text = json.dumps({"words": told[0]["content"], "paths": paths, "hashes": hashes})
        print(json.dumps({"type": "result", "text": text}), flush=True)
    else:
        time.sleep(0.1)
        print(json.dumps({"type": "calls", "calls": [{"name": "list_files", "arguments": {}}]}), flush=True)
"""


def reader(client: httpx.Client, folder: Path) -> str:
    """A program member that reads what is attached to the first words it is told; its id."""
    program = folder / "reader.py"
    program.write_text(READER)
    body = {"name": f"Reader {folder.name}", "kind": "program", "program": {"command": [sys.executable, str(program)]}}
    return str(done(client.post("/members", json=body), 201)["id"])
