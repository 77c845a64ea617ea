"""The server that the command line talks to: found through the home's server.json, spoken to over its API."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

from clawgroups.dispatcher.accounts.key_files import HOME_KEY
from clawgroups.errors import ClawError
from clawgroups.settings import Settings

WAIT_S = 60.0
Json = dict[str, Any]
Home = Annotated[
    Path | None,
    typer.Option(help="Folder of the database, secrets and workspaces (default: ~/.clawgroups).", show_default=False),
]

Person = Annotated[
    str, typer.Option("--as", help="The person who acts, by member id (default: the local admin).", show_default=False)
]
Database = Annotated[
    str | None,
    typer.Option(help="postgresql+asyncpg://... for PostgreSQL (default: SQLite in the home).", show_default=False),
]


class NoServer(ClawError):
    """No server runs for this home."""

    code = "no_server"

    def __init__(self, home: Path, *, stale: bool = False) -> None:
        left = " (a server.json is left over from one that has ended)" if stale else ""
        super().__init__(
            f"No server runs for {home}{left}.",
            hint=f"Start one: clawgroups up --home {home}  (or name another --home).",
        )


class ServerSilent(ClawError):
    """The server does not answer."""

    code = "server_silent"
    hint = "Look whether it still runs: clawgroups doctor."


class Told(ClawError):
    """An error of the server in its own words. ``more`` holds what else it told: rule, state, epoch, driver."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(str(error["sentence"]), hint=str(error["hint"]), code=str(error["code"]))
        self.status = status
        self.more = error


class Api:
    """The API of a running server. Every error becomes a ClawError. ``person``: who acts (empty: the local admin).

    ``token``: in place of the one that was given to the command line.
    """

    def __init__(self, facts: Json, person: str = "", *, token: str = "") -> None:
        self.facts = facts
        self.url = str(facts["url"])
        headers = {"X-Claw-Person": person} if person else signed_in(token)
        self._client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=WAIT_S, trust_env=False, headers=headers)

    def get(self, path: str, **params: Any) -> Any:
        """A GET's JSON."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Json | None = None) -> Any:
        """A POST's JSON."""
        return self._ask("POST", path, json=body if body is not None else {})

    def patch(self, path: str, body: Json) -> Any:
        """A PATCH's JSON."""
        return self._ask("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        """A DELETE's JSON."""
        return self._ask("DELETE", path)

    def save(self, path: str, to: Path) -> None:
        """Streams an answer into a file."""
        try:
            with self._client.stream("GET", path) as reply:
                if reply.is_error:
                    reply.read()
                    raise _error_of(reply)
                with to.open("wb") as file:
                    for part in reply.iter_bytes():
                        file.write(part)
        except httpx.HTTPError as error:
            raise self._silent(error) from error

    def close(self) -> None:
        """Gives the connection up."""
        self._client.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            reply = self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise self._silent(error) from error
        if reply.is_error:
            raise _error_of(reply)
        return reply.json()

    def _silent(self, error: httpx.HTTPError) -> ClawError:
        return ServerSilent(f"The server at {self.url} does not answer ({type(error).__name__}).")


def _error_of(reply: httpx.Response) -> ClawError:
    try:
        told = reply.json()["error"]
        if reply.status_code == 401:
            told = {
                **told,
                "hint": "Give your token: clawgroups --token TOKEN ..., or CLAWGROUPS_TOKEN (docs/accounts.md).",
            }
        return Told(reply.status_code, told)
    except (ValueError, KeyError, TypeError):
        return ClawError(f"The server answered with status {reply.status_code}.", hint="Its log has the details.")


_given: dict[str, str] = {}


def use_token(token: str) -> None:
    """The personal token for everything that this command asks a server."""
    _given["token"] = token


def signed_in(token: str = "") -> dict[str, str]:
    """The header that says who asks, for a server with sign-in; without a token none."""
    token = token or _given.get("token", "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def home_key(home: Path) -> str:
    """The running server's own key: whoever can read the home's files is its admin. Raises NoServer."""
    try:
        return (home / HOME_KEY).read_text().strip()
    except FileNotFoundError as error:
        raise NoServer(home) from error
    except OSError as error:
        hint = "Ask its owner, or use a token: clawgroups --token TOKEN ..."
        raise ClawError(f"The files of {home} are not yours to read: {error.strerror}.", hint=hint) from error


def settings_of(**given: Any) -> Settings:
    """Settings from the environment; what was given on the command line wins. Paths become absolute."""
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def announced(home: Path) -> Json | None:
    """What the home's server.json says; None where there is none that can be read."""
    try:
        facts = json.loads((home / "server.json").read_text())
        return {"url": str(facts["url"]), "home": str(facts["home"]), "pid": int(facts["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def serving(home: Path) -> Json | None:
    """The facts of the server that really serves this home now. A file left over from a crash is not believed."""
    facts = announced(home)
    if facts is None or not psutil.pid_exists(facts["pid"]):
        return None
    try:
        health = httpx.get(f"{facts['url']}/api/v1/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None
    mark = hashlib.sha256(facts["home"].encode()).hexdigest()
    same = isinstance(health, dict) and (health.get("home"), health.get("pid")) == (mark, facts["pid"])
    return facts if same else None


def running(home: Path | None, person: str = "") -> Api:
    """The API of the server that runs for the home. Raises NoServer."""
    place = settings_of(home=home).home
    facts = serving(place)
    if facts is None:
        raise NoServer(place, stale=announced(place) is not None)
    return Api(facts, person)
