"""One turn of the real driver against a scripted server, with all that a person would have seen of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from clawgroups.errors import DriverError
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, Turn
from clawgroups.runner.drivers.model import ModelDriver
from clawgroups.testing.model_server import ModelServer

KEY = "sk-the-secret-key-0123456789"
HELLO = (Entry(role="user", content="Hello."),)


class Asking:
    """A member at a server. ``shown`` is the live text, as pairs of kind and words."""

    def __init__(self, server: ModelServer | str, client: httpx.AsyncClient, **fields: Any) -> None:
        limits = {name: fields.pop(name) for name in ("first_byte_s", "idle_s", "backoff_s") if name in fields}
        base_url = server if isinstance(server, str) else server.base_url
        key = fields.pop("key", KEY)
        config = ModelConfig(**{"base_url": base_url, "model": "test-model", **fields})
        self.shown: list[tuple[str, str]] = []
        self.heard = asyncio.Event()
        self.driver = ModelDriver(config, key, client, **{"backoff_s": 0.01, **limits})

    @property
    def text(self) -> str:
        """The words that were shown."""
        return "".join(text for kind, text in self.shown if kind == "text")

    async def turn(self, thread: Sequence[Entry] = HELLO) -> Turn:
        """One turn. Raises DriverError."""
        return await self.driver.turn(thread, (), self._on_delta)

    def _on_delta(self, kind: str, text: str) -> None:
        self.shown.append((kind, text))
        self.heard.set()

    async def fails(self, thread: Sequence[Entry] = HELLO) -> DriverError:
        """The error of one turn, which must be whole: a sentence, a hint, and never the key."""
        with pytest.raises(DriverError) as caught:
            await self.turn(thread)
        error = caught.value
        assert error.sentence
        assert error.hint
        assert KEY not in error.sentence + error.hint + json.dumps(error.as_dict())
        return error


def chunk(**delta: Any) -> dict[str, Any]:
    """A chunk as plain as it can be."""
    return {"choices": [{"index": 0, "delta": delta}]}


def call_part(**fields: Any) -> dict[str, Any]:
    """A chunk with one fragment of a tool call; ``name`` and ``arguments`` go into its function."""
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return chunk(tool_calls=[{**fields, "function": function}])
