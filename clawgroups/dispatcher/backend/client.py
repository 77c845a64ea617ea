"""Asks a backend's control over HTTP. Whatever comes back is bounded and checked."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from clawgroups.dispatcher.backend.shapes import Fault, Log, Samples, Status
from clawgroups.errors import BackendAway, Invalid

Shape = TypeVar("Shape", bound=BaseModel)
WAIT_S = 5.0
ACT_S = 180.0  # a stop is answered when the engine has drained
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_ANSWER = 8 * 2**20  # bytes


class Control:
    """One backend's control at ``url``. ``token`` is what it wants to be shown."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=WAIT_S, trust_env=False)
        self._asked: set[asyncio.Task[tuple[httpx.Response, bytes]]] = set()
        self._closed = asyncio.Event()

    async def close(self) -> None:
        """Ends its connections, those too that are only being made: the client forgets about them when it is closed."""
        self._closed.set()
        for asked in self._asked:
            asked.cancel()
        if self._asked:
            await asyncio.wait(self._asked)
        await self._client.aclose()

    async def status(self) -> Status:
        """What it is and does now, with an address that can be reached from here. Raises BackendAway."""
        return self._seen_from_here(await self._read("GET", "/status", Status))

    async def samples(self, after: float) -> Samples:
        """Its figures since a Unix time in seconds. Raises BackendAway."""
        return await self._read("GET", "/samples", Samples, after=after)

    async def log(self, after: int) -> Log:
        """Its log after a line's number. Raises BackendAway."""
        return await self._read("GET", "/log", Log, after=after)

    async def act(self, word: str) -> Status:
        """Starts, stops or restarts its engine; what it is then. Raises BackendAway."""
        return self._seen_from_here(await self._read("POST", f"/{word}", Status))

    def _seen_from_here(self, status: Status) -> Status:
        return status.model_copy(update={"url": reachable(status.url, self.url)}) if status.url else status

    async def _read(self, method: str, path: str, shape: type[Shape], **query: Any) -> Shape:
        try:
            reply, body = await self._answer(method, path, query)
        except httpx.HTTPError as error:
            sentence = f"The backend at {self.url} does not answer ({type(error).__name__})."
            raise BackendAway(sentence, hint="Is it running, and can this machine reach it?") from error
        except httpx.InvalidURL as error:
            raise BackendAway(f"{self.url} is no address of a backend: {error}.", hint="Mend the address.") from error
        if reply.status_code != httpx.codes.OK:
            raise _refused(self.url, reply.status_code, body)
        try:
            return shape.model_validate_json(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            sentence = f"What answers at {self.url} does not speak like a backend ({where}: {first['msg']})."
            raise BackendAway(
                sentence, hint="Give the address of its control, and a backend of this version."
            ) from error

    async def _answer(self, method: str, path: str, query: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        """Cut off when this is closed, and told so."""
        left = BackendAway(f"The backend at {self.url} was left.", hint="Ask again.")
        if self._closed.is_set():
            raise left
        asked = asyncio.create_task(self._whole(method, path, query))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        try:
            return await asked
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed.is_set() and not (task and task.cancelling()):
                raise left from None
            raise

    async def _whole(self, method: str, path: str, query: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        wait_s = ACT_S if method == "POST" else WAIT_S
        async with self._client.stream(method, path, params=query, timeout=wait_s) as reply:
            return reply, await _bounded(reply)


def check_address(address: str) -> None:
    """Raises Invalid for what is no address of a control."""
    hint = "Give it as http://host:port."
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise Invalid(f"{address[:200]} is no address: {error}.", hint=hint, field="source") from error
    if not url.host or not address.isascii() or len(address.split()) != 1:
        raise Invalid(f"{address[:200]} names no machine.", hint=hint, field="source")


def reachable(url: str, control: str) -> str:
    """An engine's address as it has to be asked from here: its own loopback is the machine of its control."""
    try:
        asked, told = httpx.URL(control), httpx.URL(url)
    except httpx.InvalidURL:
        return url
    if told.host not in LOOPBACK or asked.host in LOOPBACK:
        return url
    return str(told.copy_with(host=asked.host))


async def _bounded(reply: httpx.Response) -> bytes:
    body = bytearray()
    async for part in reply.aiter_bytes():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise BackendAway("The backend's answer is longer than any can be.", hint="Is that address a backend's?")
    return bytes(body)


def _refused(url: str, status: int, body: bytes) -> BackendAway:
    if status == httpx.codes.UNAUTHORIZED:
        hint = "Give the token that it was started with (CLAWGROUPS_BACKEND_TOKEN)."
        return BackendAway(f"The backend at {url} does not take this token.", hint=hint)
    try:
        fault = Fault.model_validate_json(body)
    except ValidationError:
        fault = Fault(sentence=f"The backend at {url} answered with status {status}.")
    return BackendAway(fault.sentence, hint=fault.hint)
