"""Finds model endpoints: keys in the environment, and servers on the ports where they usually listen here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

PORTS = {30000: "SGLang", 8000: "vLLM", 11434: "Ollama", 1234: "LM Studio", 8080: "llama.cpp"}
WAIT_S = 0.7
KEYS = (
    ("MOONSHOT_API_KEY", "Moonshot", "https://api.moonshot.ai/v1", "kimi-k2.6"),
    ("KIMI_API_KEY", "Kimi", "https://api.moonshot.ai/v1", "kimi-k2.6"),
    ("OPENAI_API_KEY", "OpenAI", "https://api.openai.com/v1", ""),
)


async def discover(
    env: Mapping[str, str], client: httpx.AsyncClient, ports: Mapping[int, str] = PORTS
) -> list[dict[str, Any]]:
    """Offers: name, base_url, model, key_ref, source. Looks only at this machine; keys are never read out."""
    found = [_of_key(env, *known) for known in KEYS if env.get(known[0])]
    looked = await asyncio.gather(*(_look(client, port, name) for port, name in ports.items()))
    return [offer for offer in found if offer["model"]] + [offer for offers in looked for offer in offers]


def _of_key(env: Mapping[str, str], variable: str, name: str, base_url: str, model: str) -> dict[str, Any]:
    if variable == "OPENAI_API_KEY":
        base_url = env.get("OPENAI_BASE_URL", base_url)
        model = env.get("OPENAI_MODEL", model)
    return {
        "name": f"{model} at {name}",
        "base_url": base_url,
        "model": model,
        "key_ref": f"env:{variable}",
        "source": f"the environment variable {variable}",
    }


async def _look(client: httpx.AsyncClient, port: int, name: str) -> list[dict[str, Any]]:
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        reply = await client.get(f"{base_url}/models", timeout=WAIT_S)
        listed = reply.json()["data"] if reply.status_code == 200 else []
        models = [str(model["id"]) for model in listed][:20]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []  # nobody there, or not an OpenAI-compatible server
    return [
        {
            "name": f"{model} at {name}",
            "base_url": base_url,
            "model": model,
            "key_ref": "",
            "source": f"a server on port {port} of this machine",
        }
        for model in models
    ]
