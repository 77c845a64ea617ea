"""Finds model endpoints: keys in the environment, and servers on the ports where they usually listen here.

Whoever listens there may be anything, so what it says is read with a limit on time and size and taken only if it fits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from msgspec import Struct

PORTS = {30000: "SGLang", 8000: "vLLM", 11434: "Ollama", 1234: "LM Studio", 8080: "llama.cpp"}
WAIT_S = 0.7
LIST_S = 3.0
MOST_BYTES = 1024 * 1024
MOST_MODELS = 20
LONGEST_NAME = 200
KEYS = (
    ("MOONSHOT_API_KEY", "Moonshot", "https://api.moonshot.ai/v1", "kimi-k2.6"),
    ("KIMI_API_KEY", "Kimi", "https://api.moonshot.ai/v1", "kimi-k2.6"),
    ("OPENAI_API_KEY", "OpenAI", "https://api.openai.com/v1", ""),
)


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


_models = msgspec.json.Decoder(_Models)


async def discover(
    env: Mapping[str, str], client: httpx.AsyncClient, ports: Mapping[int, str] = PORTS
) -> list[dict[str, Any]]:
    """Offers: name, base_url, model, key_ref, source. Looks only at this machine; keys are never read out."""
    found = [_of_key(env, *known) for known in KEYS if env.get(known[0])]
    looked = await asyncio.gather(*(_look(client, port, name) for port, name in ports.items()))
    return [offer for offer in found if offer["model"]] + [offer for offers in looked for offer in offers]


def _of_key(env: Mapping[str, str], variable: str, name: str, base_url: str, model: str) -> dict[str, Any]:
    maker = variable.removesuffix("_API_KEY")  # e.g. MOONSHOT_BASE_URL: its users in China have another address
    base_url = env.get(f"{maker}_BASE_URL") or base_url
    model = env.get(f"{maker}_MODEL") or model
    return {
        "name": f"{model} at {name}",
        "base_url": base_url,
        "model": model,
        "key_ref": f"env:{variable}",
        "source": f"the environment variable {variable}",
    }


async def _look(client: httpx.AsyncClient, port: int, name: str) -> list[dict[str, Any]]:
    base_url = f"http://127.0.0.1:{port}/v1"
    models = await listed_models(client, base_url, wait_s=WAIT_S)
    return [
        {
            "name": f"{model} at {name}",
            "base_url": base_url,
            "model": model,
            "key_ref": "",
            "source": f"a server on port {port} of this machine",
        }
        for model in (models or [])[:MOST_MODELS]
        if "embed" not in model.lower()  # those answer no chat
    ]


async def listed_models(
    client: httpx.AsyncClient, base_url: str, headers: Mapping[str, str] | None = None, *, wait_s: float = LIST_S
) -> list[str] | None:
    """The names of the models that an OpenAI-compatible server offers; None when there is no such list there."""
    try:
        async with asyncio.timeout(wait_s), client.stream("GET", f"{base_url}/models", headers=headers) as reply:
            if reply.status_code != 200:
                return None
            listed = _models.decode(await _bounded(reply)).data
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # nobody there, or not an OpenAI-compatible server
    return list(dict.fromkeys(model.id for model in listed if _is_name(model.id)))


async def _bounded(reply: httpx.Response) -> bytes:
    """The body; cut where it is too long, which makes it no list."""
    data = bytearray()
    async for chunk in reply.aiter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            return b""
    return bytes(data)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()
