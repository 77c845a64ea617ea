"""httpx over aiohttp: streams are read at a third of the CPU of httpx's own transport, and any number at once.

Errors become httpx's own, told apart: nobody there, broken off, too late. Redirects are never followed, and no
proxy or password is taken from the environment.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx

CONNECT_S = 10.0
KEPT_S = 30.0  # an idle connection is kept for the next turn
BUFFER = 256 * 1024


def make_client() -> httpx.AsyncClient:
    """One client for all seats of a runner. It has no limit on silence: who reads must set one."""
    timeout = httpx.Timeout(None, connect=CONNECT_S)
    return httpx.AsyncClient(transport=StreamTransport(), timeout=timeout, follow_redirects=False, trust_env=False)


class StreamTransport(httpx.AsyncBaseTransport):
    """Sends requests through one aiohttp session, made in the event loop that uses it first."""

    def __init__(self) -> None:
        self._ssl: ssl.SSLContext = httpx.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx's TransportErrors."""
        limits = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.get("connect"), sock_read=limits.get("read"))
        body = await request.aread()
        with _as_httpx(request):
            response = await self._opened().request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=body or None,
                allow_redirects=False,
                timeout=timeout,
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response, request))

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._ssl, keepalive_timeout=KEPT_S)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=BUFFER,
                trust_env=False,
            )
        return self._session


class _Body(httpx.AsyncByteStream):
    """What has come is given at once, however little or much it is."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = self._response.content.readany
        with _as_httpx(self._request):
            while chunk := await read():
                yield chunk

    async def aclose(self) -> None:
        # a body that was read to its end has given its connection back already; any other is hung up on
        self._response.close()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """aiohttp's errors as httpx's."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(str(error), request=request) from error
    except (aiohttp.ServerTimeoutError, TimeoutError) as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except aiohttp.ClientConnectorError as error:  # certificates and names that do not resolve too
        raise httpx.ConnectError(_reason(error), request=request) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise httpx.UnsupportedProtocol(str(error), request=request) from error
    except aiohttp.ClientResponseError as error:
        raise httpx.RemoteProtocolError(f"no valid HTTP: {error.message[:200]}", request=request) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise httpx.ReadError(str(error) or "the connection was closed", request=request) from error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({error.certificate_error})"
    return error.os_error.strerror or str(error.os_error)
