"""The model driver: streams any OpenAI-compatible endpoint over httpx, with retries and clear errors."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

from clawgroups.errors import DriverError
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.drivers.base import OnDelta
from clawgroups.runner.drivers.completions import Accumulator, words_of
from clawgroups.runner.drivers.model_messages import request_body
from clawgroups.runner.drivers.sse import EventSplitter

CONNECT_S = 10.0
FIRST_BYTE_S = 300.0
IDLE_S = 120.0
TRIES = 4
LONGEST_WAIT_S = 30.0


def make_client() -> httpx.AsyncClient:
    """One client for all seats of a runner: aiohttp's transport reads streams at a third of the CPU of httpx's own."""
    timeout = httpx.Timeout(IDLE_S, connect=CONNECT_S, read=FIRST_BYTE_S, pool=None)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    return httpx.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=timeout, follow_redirects=True)


class ModelDriver:
    """Drives one sub-agent with one endpoint."""

    def __init__(
        self,
        config: ModelConfig,
        key: str,
        client: httpx.AsyncClient,
        *,
        idle_s: float = IDLE_S,
        backoff_s: float = 0.5,
    ) -> None:
        self._config = config
        self._key = key
        self._client = client
        self._idle_s = idle_s
        self._backoff_s = backoff_s
        self._url = httpx.URL(config.base_url.rstrip("/") + "/chat/completions")

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        """One turn; tried again with backoff while nothing of it was seen."""
        body = json.dumps(request_body(self._config, thread, tools, self._url.host)).encode("utf-8", "replace")
        for attempt in range(1, TRIES + 1):
            gathered = Accumulator(on_delta)
            try:
                return await self._try(body, gathered)
            except DriverError as error:
                if attempt == TRIES or not gathered.empty or error.kind not in _AGAIN:
                    raise
                if error.kind == "rate_limit" and (error.retry_after or 0) > LONGEST_WAIT_S:
                    raise  # the dispatcher requeues it; a seat must not be held for so long
                await asyncio.sleep(self._wait(attempt, error))
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Nothing is left after a turn: its stream ends with it."""

    def _wait(self, attempt: int, error: DriverError) -> float:
        if error.retry_after is not None:
            return error.retry_after
        return float(self._backoff_s * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))  # spread, not secrecy

    async def _try(self, body: bytes, gathered: Accumulator) -> Turn:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                if response.status_code != 200:
                    raise await _refusal(response, self._config)
                await self._read(response, gathered)
        except httpx.TimeoutException as error:
            raise DriverError(
                f"The model server at {self._url.host} did not answer in time.", kind="timeout", partial=gathered.text
            ) from error
        except httpx.HTTPError as error:
            raise DriverError(
                f"The connection to {self._url.host}:{self._url.port or ''} failed: {error or type(error).__name__}",
                kind="connection",
                hint="Is the model server running, and is the address right?",
                partial=gathered.text,
            ) from error
        return gathered.turn(self._config)

    async def _read(self, response: httpx.Response, gathered: Accumulator) -> None:
        content_type = response.headers.get("content-type", "")
        if "application/json" in content_type:
            gathered.whole(await _json(response))
            return
        if "text/event-stream" not in content_type:
            start = (await _beginning(response)).decode("utf-8", "replace")
            came = content_type or "no content type"
            raise DriverError(
                f"The model server answered with {came}, not with a stream: {start[:120]!r}",
                kind="protocol",
                hint="The address should end in /v1 of an OpenAI-compatible server.",
            )
        splitter = EventSplitter()
        async for chunk in self._chunks(response, gathered):
            for data in splitter.feed(chunk):
                gathered.feed(data)
            if gathered.done:
                return
        for data in splitter.finish():
            gathered.feed(data)

    async def _chunks(self, response: httpx.Response, gathered: Accumulator) -> AsyncIterator[bytes]:
        """Chunks as they come; silence longer than the idle limit is an error. One timer serves all chunks."""
        try:
            async with asyncio.timeout(self._idle_s) as limit:
                loop = asyncio.get_running_loop()
                moved = loop.time()
                async for chunk in response.aiter_bytes():
                    now = loop.time()
                    if now - moved > 1.0:  # moving the timer for each token would cost more than reading it
                        limit.reschedule(now + self._idle_s)
                        moved = now
                    yield chunk
        except TimeoutError as error:
            sentence = f"The model server said nothing for {self._idle_s:g} s."
            raise DriverError(sentence, kind="timeout", partial=gathered.text) from error


_AGAIN = frozenset({"rate_limit", "server", "connection", "timeout", "empty"})


async def _beginning(response: httpx.Response) -> bytes:
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > 4_000:
            break
    return data


async def _json(response: httpx.Response) -> dict[str, Any]:
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > 8 * 1024 * 1024:
            raise DriverError("The reply is larger than 8 MiB.", kind="too_long", hint="Set max_tokens.")
    try:
        reply = json.loads(data)
    except json.JSONDecodeError as error:
        raise DriverError("The model server sent broken JSON.", kind="protocol") from error
    if not isinstance(reply, dict) or not reply.get("choices"):
        raise DriverError(f"The model server answered without a choice: {words_of(reply)}", kind="protocol")
    return reply


async def _refusal(response: httpx.Response, config: ModelConfig) -> DriverError:
    """An HTTP error as a sentence a person can act on."""
    text = (await _beginning(response)).decode("utf-8", "replace")
    try:
        words = words_of(json.loads(text))
    except json.JSONDecodeError:
        words = text.strip()[:200]
    status = response.status_code
    if status in (401, 403):
        return DriverError(
            f"The model server refused the key ({status}): {words}",
            kind="auth",
            hint="Set the right key for this member.",
        )
    if status == 404:
        return DriverError(
            f"The model server knows no model {config.model!r} at this address (404): {words}",
            kind="not_found",
            hint="Check the model's name and that the address ends in /v1.",
        )
    if status == 429:
        return DriverError(
            f"The model server is over its rate limit (429): {words}",
            kind="rate_limit",
            retry_after=_retry_after(response.headers.get("retry-after")),
        )
    if status >= 500:
        return DriverError(f"The model server failed ({status}): {words}", kind="server")
    if "context" in words.lower() and ("length" in words.lower() or "token" in words.lower()):
        return DriverError(
            f"The thread is too long for the model ({status}): {words}",
            kind="context_length",
            hint="Reassign it to a model with more context, or fork from an earlier step.",
        )
    return DriverError(f"The model server refused the request ({status}): {words}", kind="bad_request")


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header (RFC 9110 section 10.2.3)."""
    if not value:
        return None
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None  # neither form: the driver's own backoff holds
