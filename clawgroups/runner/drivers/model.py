"""The model driver: streams any OpenAI-compatible endpoint over httpx, with retries and clear errors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx

from clawgroups.errors import DriverError
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.runner.attached import seen
from clawgroups.runner.discover import listed_models
from clawgroups.runner.drivers.base import OnDelta
from clawgroups.runner.drivers.completions import PROTOCOL, Accumulator
from clawgroups.runner.drivers.model_messages import encoded, request_body
from clawgroups.runner.drivers.refusals import AGAIN, refusal
from clawgroups.runner.drivers.sse import EventSplitter
from clawgroups.runner.drivers.transport import make_client

__all__ = ["ModelDriver", "make_client"]

FIRST_BYTE_S = 300.0  # a long prompt on a busy server takes minutes before its first word
IDLE_S = 120.0
LINGER_S = 0.25  # after the last word, for the end of the body: then the connection serves the next turn too
TRIES = 4
TRIES_LATE = 2  # of a server that let us wait until the limit
LONGEST_WAIT_S = 30.0  # the dispatcher requeues what must wait longer; a seat must not be held for so long
MAX_BODY = 8 * 1024 * 1024
STUCK = "It may be overloaded or stuck; its log may say more."


class ModelDriver:
    """Drives one sub-agent with one endpoint. Raises DriverError for an address or key that cannot be one.

    ``images``: the folder of what is attached, for a model that sees.
    """

    def __init__(
        self,
        config: ModelConfig,
        key: str,
        client: httpx.AsyncClient,
        *,
        images: Path | None = None,
        first_byte_s: float = FIRST_BYTE_S,
        idle_s: float = IDLE_S,
        backoff_s: float = 0.5,
    ) -> None:
        self._config = config
        self._client = client
        self._images = images if config.sees else None
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        self._backoff_s = backoff_s
        self._url = _address(config.base_url)
        self._place = f"{self._url.host}:{self._url.port}" if self._url.port else self._url.host
        self._key = _checked(key)

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        """One turn; tried again with backoff while nothing of it was seen."""
        body = await self._body(thread, tools)
        attempt = 0
        while True:
            attempt += 1
            gathered = Accumulator(self._config, on_delta)
            try:
                return await self._try(body, gathered)
            except DriverError as error:
                wait = self._wait(attempt, error)
                if not gathered.empty or wait is None:
                    raise self._told(error, gathered) from error.__cause__
            await asyncio.sleep(wait)

    async def _body(self, thread: Sequence[Entry], tools: Sequence[ToolSpec]) -> bytes:
        """What is sent; of large images nothing else stays in memory while the model answers."""
        if self._images is None:
            return encoded(request_body(self._config, thread, tools, self._url.host))
        images = await asyncio.to_thread(seen, self._images, thread)
        return encoded(request_body(self._config, thread, tools, self._url.host, images))

    def silent(self, seconds: float) -> DriverError:
        """The error for a server that has not said a word for so long."""
        sentence = f"The model server at {self._place} did not answer within {seconds:g} s."
        return DriverError(sentence, kind="timeout", hint=STUCK)

    async def close(self) -> None:
        """Nothing is left after a turn: its stream ends with it."""

    def _wait(self, attempt: int, error: DriverError) -> float | None:
        """Seconds until the next try; None for no other try."""
        if error.kind not in AGAIN or attempt >= (TRIES_LATE if error.kind == "timeout" else TRIES):
            return None
        if error.retry_after is None:
            return float(self._backoff_s * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))  # spread, not secrecy
        return error.retry_after if error.retry_after <= LONGEST_WAIT_S else None

    def _told(self, error: DriverError, gathered: Accumulator) -> DriverError:
        """The error with the partial text, and without the key, which some servers repeat in what they say."""
        sentence = error.sentence.replace(self._key, "[key]") if self._key else error.sentence
        after = error.retry_after
        return DriverError(sentence, kind=error.kind, hint=error.hint, retry_after=after, partial=gathered.text)

    async def _try(self, body: bytes, gathered: Accumulator) -> Turn:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        try:
            async with asyncio.timeout(self._first_byte_s) as limit:
                request = self._client.stream("POST", self._url, content=body, headers=headers | self._authority())
                async with request as response:
                    if response.status_code != 200:
                        raise await self._refused(response)
                    await self._read(response, gathered, limit)
        except TimeoutError as error:
            if not gathered.complete:
                raise self._late(gathered.begun) from error
        except httpx.HTTPError as error:
            if not gathered.complete:  # else all was said, and only the end of the body is missing
                raise self._broken(error) from error
        return gathered.turn()

    def _authority(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    async def _read(self, response: httpx.Response, gathered: Accumulator, limit: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        splitter, plain = EventSplitter(), bytearray()
        streamed: bool | None = None
        moved, over, step = 0.0, False, min(1.0, self._idle_s / 4)
        async for chunk in _chunks(response):
            now = loop.time()
            if over:
                continue
            if now - moved > step:  # moving the timer for each word would cost more than reading it
                limit.reschedule(now + self._idle_s)
                moved = now
            if streamed is None:
                streamed = self._is_stream(response, chunk)
            if not streamed:
                _keep(plain, chunk)
                continue
            for data in splitter.feed(chunk):
                gathered.feed(data)
            if splitter.waiting > MAX_BODY:
                raise DriverError("The model server sent one event without end.", kind="too_long", hint=PROTOCOL)
            if gathered.done:
                over = True
                limit.reschedule(now + LINGER_S)
        if streamed is False:
            gathered.whole(bytes(plain))
        for data in splitter.finish():
            gathered.feed(data)

    def _is_stream(self, response: httpx.Response, start: bytes) -> bool:
        """Whether events come; False: one JSON object. The first bytes decide where the content type does not."""
        content_type = response.headers.get("content-type", "")
        if "event-stream" in content_type:
            return True
        if "json" in content_type:
            return False
        if start.lstrip().startswith((b"data:", b"event:", b":")):
            return True
        raise DriverError(
            f"{self._place} answered with {content_type[:80] or 'no content type'}, not with a stream: "
            f"{start[:120].decode('utf-8', 'replace')!r}",
            kind="protocol",
            hint="The address should be that of an OpenAI-compatible server; most end in /v1.",
        )

    # --- errors --------------------------------------------------------------------------------------

    async def _refused(self, response: httpx.Response) -> DriverError:
        said = bytearray()
        async for chunk in _chunks(response):
            said += chunk
            if len(said) > 8_000:
                break
        error = refusal(response.status_code, bytes(said), response.headers, model=self._config.model)
        if error.kind != "not_found":
            return error
        base = str(self._url).removesuffix("/chat/completions")
        models = await listed_models(self._client, base, self._authority())
        if models is None:
            hint = (
                f"There is no list of models at {self._place} either; an OpenAI-compatible address mostly ends in /v1."
            )
            return DriverError(error.sentence, kind=error.kind, hint=hint)
        names = ", ".join(models[:8]) or "none"
        more = f" and {len(models) - 8} more" if len(models) > 8 else ""
        return DriverError(error.sentence, kind=error.kind, hint=f"The server has: {names}{more}.")

    def _late(self, begun: bool) -> DriverError:
        if not begun:
            return self.silent(self._first_byte_s)
        sentence = f"The model server at {self._place} fell silent for {self._idle_s:g} s in the middle of its answer."
        return DriverError(sentence, kind="timeout", hint=STUCK)

    def _broken(self, error: httpx.HTTPError) -> DriverError:
        if isinstance(error, httpx.UnsupportedProtocol):
            return _no_address(self._config.base_url)
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            return DriverError(
                f"No model server answers at {self._place}: {str(error)[:200] or 'nothing'}.",
                kind="connection",
                hint="Is the model server running, and is the address right?",
            )
        sentence = f"The connection to the model server at {self._place} broke off: {str(error)[:200]}"
        return DriverError(sentence, kind="connection", hint="Its log may say why.")


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes. Only a body that was compressed in spite of us takes httpx's longer way."""
    compressed = response.headers.get("content-encoding", "identity") != "identity"
    raw = response.aiter_bytes() if compressed else response.stream
    assert not isinstance(raw, httpx.SyncByteStream)
    async for chunk in raw:
        yield chunk


def _keep(plain: bytearray, chunk: bytes) -> None:
    plain += chunk
    if len(plain) > MAX_BODY:
        sentence = f"The reply is larger than {MAX_BODY // 1024 // 1024} MiB."
        raise DriverError(sentence, kind="too_long", hint="Set max_tokens for this member.")


def _address(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip())
    except (httpx.InvalidURL, ValueError) as error:
        raise _no_address(base_url) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address(base_url)
    path = url.path.rstrip("/").removesuffix("/chat/completions")
    return url.copy_with(path=path + "/chat/completions")


def _no_address(base_url: str) -> DriverError:
    hint = "It looks like http://127.0.0.1:30000/v1."
    return DriverError(f"{base_url[:200]!r} is no address of a model server.", kind="config", hint=hint)


def _checked(key: str) -> str:
    """Not a word of the key in what is said about it."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise DriverError(
            "The key of this member has characters that no key has.", kind="auth", hint="Set it again, in one line."
        )
    return key
