"""A model server that official clients are pointed at, and what it says where it plays a script.

Where it plays ``SCRIPT`` (``backend.api.testing``) the words of its answers are looked at too, elsewhere only their
form: a model of random weights answers anything.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import openai
from PIL import Image

SECTION = "<|tool_calls_section_begin|>{}<|tool_calls_section_end|>"
CALL = "<|tool_call_begin|>functions.{}<|tool_call_argument_begin|>{}<|tool_call_end|>"
ONE_CALL = SECTION.format(CALL.format("get_weather:0", '{"city": "Paris"}'))
TWO_CALLS = SECTION.format(
    CALL.format("get_weather:0", '{"city": "Paris"}') + CALL.format("get_weather:1", '{"city": "Rome"}')
)
SCRIPT = {
    "PLAIN": "</think>The sky is blue.",
    "THINK": "Let me see.</think>Forty-two.",
    "WEATHER": "</think>I look." + ONE_CALL,
    "REQUIRED": "</think>" + ONE_CALL,
    "BOTH": "</think>" + TWO_CALLS,
    "PONDERED": "I should look it up." + ONE_CALL,
    "## Return of functions.get_weather:0": "</think>It rains in Paris.",
    "PERSON": '</think>{"name": "Ada", "age": 36}',
    "PICTURE": "</think>A red square.",
    "LONG": "</think>" + "on and on " * 400,
}
"""What the played server says, by words in the prompt. All of it is asked with thinking off, but what thinks."""
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
INSTANT = {"chat_template_kwargs": {"thinking": False}}
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Target:
    """A server: ``url`` without ``/v1``. ``played``: it plays SCRIPT. ``context`` in tokens."""

    url: str
    model: str = "played"
    key: str = "none"
    context: int = 2048
    played: bool = True
    sees: bool = True

    @contextmanager
    def openai(self, key: str | None = None) -> Iterator[openai.OpenAI]:
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0, timeout=120) as client:
            yield client

    @contextmanager
    def anthropic(self, key: str | None = None) -> Iterator[anthropic.Anthropic]:
        with anthropic.Anthropic(base_url=self.url, api_key=key or self.key, max_retries=0, timeout=120) as client:
            yield client

    def metric(self, name: str) -> float:
        """The sum of one of the server's metrics over its labels; 0 where it has none yet."""
        text = httpx.get(f"{self.url}/metrics").text
        return sum(float(found) for found in re.findall(rf"^sglang:{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def until(self, name: str, reached: Callable[[float], bool]) -> None:
        """Waits for a metric to get somewhere."""
        end = time.monotonic() + PATIENCE_S
        while not reached(self.metric(name)):
            assert time.monotonic() < end, f"{name} is still {self.metric(name)}"
            time.sleep(0.05)


def ask(words: str) -> Any:
    return [{"role": "user", "content": words}]


def tool(strict: bool = True) -> Any:
    function = {"name": "get_weather", "description": "Weather.", "parameters": WEATHER, "strict": strict}
    return [{"type": "function", "function": function}]


def picture() -> str:
    data = io.BytesIO()
    Image.new("RGB", (28, 28), (255, 0, 0)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def valid_calls(calls: Any) -> None:
    """Ids of Kimi's form, each once, arguments by the schema."""
    assert calls
    ids = [call.id for call in calls]
    assert len(set(ids)) == len(ids)
    for call in calls:
        assert re.fullmatch(r"functions\.get_weather:\d+", call.id)
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
