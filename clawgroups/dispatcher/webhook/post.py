"""Posts to an address that an admin has set: checked, never redirected, within a time, and what to do when it fails.

The name is resolved here and the very address that was checked is the one that is spoken to, so that a name cannot mean
another machine a moment later. The address's path is a secret: no error and no log holds it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from clawgroups.errors import Invalid

WITHIN_S = 10.0  # one try, everything together
MOST_ASKED_S = 120.0  # of a Retry-After
PRIVATE_HINT = "Say that private addresses are allowed, if this is a machine of your own."
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended; ``sentence`` is empty when sent. ``again``: one may do better, not before ``asked_s``."""

    sentence: str = ""
    again: bool = False
    asked_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to try again: after a wait that doubles, until it has been tried for ``give_up_s``."""

    first_s: float = 1.0
    most_s: float = 60.0
    give_up_s: float = 300.0

    def wait(self, tries: int, since_s: float, asked_s: float = 0.0) -> float | None:
        """How long to wait after so many tries since the first one; None: give up."""
        wait = max(min(self.first_s * 2.0 ** (tries - 1), self.most_s), min(asked_s, MOST_ASKED_S))
        return wait if since_s + wait <= self.give_up_s else None


def checked(url: str, *, private: bool) -> httpx.URL:
    """The address, when it can be one. Raises Invalid without showing it."""
    try:
        found = httpx.URL(url)
        found.host.encode("idna")  # a label that is empty, too long or no IDNA can be no machine's name
    except (httpx.InvalidURL, ValueError):
        found = httpx.URL("")
    if found.scheme not in ("http", "https") or not found.host or any(not letter.isprintable() for letter in url):
        raise Invalid("This is no web address.", hint="It begins with https:// and names a machine.", field="url")
    if found.userinfo:
        raise Invalid("An address with a name and password is not used.", hint="Use the webhook's own.", field="url")
    if found.scheme == "http" and not private:
        sentence = "Over http everybody on the way could read the address, which is the secret."
        raise Invalid(sentence, hint=f"Use https. {PRIVATE_HINT}", field="url")
    literal = _literal(found.host)
    if literal is not None:
        _check([literal], private=private)
    return found


def masked(url: str) -> str:
    """Where it leads, for people: the machine and how the secret ends."""
    if not url:
        return ""
    found = httpx.URL(url)
    rest = url.rstrip("/")[-4:] if len(found.raw_path) > 12 else ""
    return f"{found.scheme}://{found.netloc.decode('ascii')}/{'…' + rest if found.raw_path != b'/' else ''}"


def is_public(address: _Address) -> bool:
    """Whether anybody on the internet would reach the same machine; forms that wrap an IPv4 address are opened."""
    address = _opened(address)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _opened(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _is_never(address: _Address) -> bool:
    """Nobody's machine, or one that tells secrets to whoever is on the same wire (a cloud's metadata)."""
    address = _opened(address)
    return address.is_link_local or address.is_multicast or address.is_unspecified


def _check(addresses: list[_Address], *, private: bool) -> None:
    """Raises Invalid when any of a name's addresses may not be spoken to."""
    if any(_is_never(address) for address in addresses):
        raise Invalid("This address is never spoken to.", hint="Use a machine's own address.", field="url")
    if not private and not all(is_public(address) for address in addresses):
        raise Invalid("This address is in a private network.", hint=PRIVATE_HINT, field="url")


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


class Poster:
    """Keeps one client; ``post`` is one try."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def post(self, url: str, body: Mapping[str, Any], *, private: bool, within_s: float = WITHIN_S) -> Outcome:
        """Says how it went; raises nothing that has to do with the other side."""
        client = await self._made()
        try:
            async with asyncio.timeout(within_s):
                return await _try(client, checked(url, private=private), body, private=private)
        except Invalid as error:
            return Outcome(f"{error.sentence} {error.hint}".strip())
        except socket.gaierror:
            return Outcome("Its name cannot be found.", again=True)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(f"It did not answer within {within_s:g} s.", again=True)
        except httpx.ConnectError as error:
            return Outcome(
                "Its certificate is not valid." if _is_certificate(error) else "It cannot be reached.", again=True
            )
        except (httpx.HTTPError, OSError) as error:
            return Outcome(f"The connection broke ({type(error).__name__}).", again=True)
        except (httpx.InvalidURL, ValueError) as error:  # a name that passed the check and still cannot be looked up
            return Outcome(f"Nothing can be sent to this address ({type(error).__name__}). Set another.")

    async def _made(self) -> httpx.AsyncClient:
        if self._client is None:
            context = await asyncio.to_thread(ssl.create_default_context)  # it reads all certificates of the machine
            self._client = httpx.AsyncClient(
                verify=context,
                timeout=WITHIN_S,
                follow_redirects=False,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),  # two names may share an address, not a connection
            )
        return self._client

    async def close(self) -> None:
        """Ends its connections."""
        if self._client is not None:
            await self._client.aclose()


async def _try(client: httpx.AsyncClient, url: httpx.URL, body: Mapping[str, Any], *, private: bool) -> Outcome:
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    _check(addresses, private=private)
    request = client.build_request(
        "POST",
        url.copy_with(host=str(addresses[0])),
        json=body,
        headers={"Host": url.netloc.decode("ascii"), "User-Agent": "clawgroups"},
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
    answer = await client.send(request, stream=True)  # what it says is not read: it may be endless
    try:
        return _outcome(answer)
    finally:
        await answer.aclose()


def _outcome(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    if answer.is_success:
        return Outcome()
    if answer.has_redirect_location or 300 <= status < 400:
        return Outcome(f"It answers with a redirect ({status}), which is not followed. Give the address it leads to.")
    if status == 429:
        return Outcome("It has had too many messages (429).", again=True, asked_s=_seconds(answer))
    if status >= 500:
        return Outcome(f"It failed ({status}).", again=True, asked_s=_seconds(answer))
    return Outcome(f"It refused the message ({status}). Look whether the address is still right.")


def _seconds(answer: httpx.Response) -> float:
    asked = answer.headers.get("retry-after", "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0.0


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
