"""The backend of the house: which one is set, whether it is started here, and how it does.

It is set at the start (``CLAWGROUPS_BACKEND``) or by an admin on its page; what the start says comes first. Once its
control has said what it serves, it is a member like any other, with the id ``backend``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from clawgroups.dispatcher.backend.client import Control, check_address
from clawgroups.dispatcher.backend.member import MEMBER, follow
from clawgroups.dispatcher.backend.process import BackendProcess
from clawgroups.dispatcher.backend.shapes import Status
from clawgroups.errors import BackendAway, ClawError, Invalid, LedgerStopped, NoBackend, Refused
from clawgroups.ids import new_token

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.backend")
KEY = "backend"
API_KEY, OWN_TOKEN, TOKEN_ELSEWHERE = "backend-api", "backend-control-own", "backend-control"
EVERY_S = 1.0
WORDS = ("start", "stop", "restart")


class BackendConfig(Struct, frozen=True, omit_defaults=True):
    """What is set. ``source``: a checkpoint's folder or a control's address; "" means none. ``options``: argv."""

    source: str = ""
    options: tuple[str, ...] = ()

    @property
    def elsewhere(self) -> bool:
        return self.source.startswith(("http://", "https://"))


class Backend:
    """One per dispatcher; does nothing as long as none is set."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._settings = dispatcher.settings
        self._table = dispatcher.ledger.settings
        self._changing = asyncio.Lock()
        self._process: BackendProcess | None = None
        self._control: Control | None = None
        self._former: list[Control] = []
        self.config = BackendConfig()
        self.status: Status | None = None
        self.problem: BackendAway | None = None

    @property
    def from_start(self) -> bool:
        """Whether the start of the server says which; an admin cannot change it then."""
        return bool(self._settings.backend)

    async def open(self) -> None:
        """Reads what is set, and starts it. Raises Invalid for a start that names no backend."""
        if self.from_start:
            options = _split(self._settings.backend_options)
            self.config = _checked(BackendConfig(self._settings.backend, options))
        else:
            found = await self._table.load(KEY)
            self.config = msgspec.convert(found, BackendConfig) if found is not None else BackendConfig()
        self._begin()

    async def close(self) -> None:
        """Drains one that was started here, and leaves one elsewhere as it is."""
        await self._end()

    async def run(self) -> None:
        """Asks it how it does, for ever."""
        while True:
            try:
                await self.look()
            except Exception:  # whatever it said, it has to be asked again
                log.exception("asking the backend broke something", extra={"action": "backend_look_broke"})
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Asks it once how it does, and keeps the member in step."""
        while self._former:
            await self._former.pop().close()
        try:
            self.status, self.problem = await self._reached().status(), None
        except BackendAway as error:
            self.status, self.problem = None, error if self.config.source else None
            return
        try:
            await follow(self._dispatcher, self.status, self._api_key_ref())
        except LedgerStopped:  # it is said on every page already
            return
        except ClawError as error:
            log.warning("the backend's member cannot be kept up: %s", error, extra={"action": "backend_member"})

    # --- what is set -----------------------------------------------------------------------------------

    async def change(self, source: str, options: tuple[str, ...], token: str | None, actor: str) -> None:
        """Sets another backend, or none. Raises Forbidden, Refused, Invalid.

        ``token``: what the control of one elsewhere wants to be shown; None keeps what is there.
        """
        self._dispatcher.accounts.check_deed(actor, "settings")
        if self.from_start:
            sentence = "The backend was set when the server was started (CLAWGROUPS_BACKEND)."
            raise Refused("set_at_start", "set", sentence, hint="Start the server without it to set one here.")
        fresh = await asyncio.to_thread(_checked, BackendConfig(source.strip(), options))
        if token is not None and not (token.isascii() and token.isprintable()):
            raise Invalid("The token has characters that no token has.", hint="Copy it again.", field="token")
        async with self._changing:
            kept = self._dispatcher.keys.find(TOKEN_ELSEWHERE)
            if token is not None or fresh.source != self.config.source:
                kept = token or ""
            await self._put(fresh)
            await self._end()
            self._set_token(kept)
            self.config = fresh  # together with the token: whoever asks meanwhile asks the old one with nothing
            self._let_go()
            self._begin()
        log.info("%s set the backend: %s", actor, fresh.source or "none", extra={"action": "backend_set"})

    async def _put(self, fresh: BackendConfig) -> None:
        """Records what is set. What one control was shown, another one must not see, whenever this is cut off."""
        kept = self._dispatcher.keys.find(TOKEN_ELSEWHERE)
        self._set_token("")
        try:
            await self._table.put(KEY, msgspec.to_builtins(fresh) if fresh.source else None)
        except BaseException:
            self._set_token(kept)
            raise

    async def act(self, word: str, actor: str) -> None:
        """Starts, stops or restarts the engine. Raises Forbidden, Invalid, BackendAway."""
        self._dispatcher.accounts.check_deed(actor, "settings")
        if word not in WORDS:
            raise Invalid(f"A backend cannot {word!r}.", hint=f"It can {', '.join(WORDS)}.")
        self.status, self.problem = await self._reached().act(word), None
        log.info("%s asked the backend to %s", actor, word, extra={"action": f"backend_{word}"})

    async def samples(self, after: float) -> list[dict[str, Any]]:
        """Its figures since a Unix time in seconds. Raises BackendAway."""
        return [one.model_dump() for one in (await self._reached().samples(after)).samples]

    async def log_lines(self, after: int) -> list[dict[str, Any]]:
        """Its log after a line's number. Raises BackendAway."""
        return [line.model_dump() for line in (await self._reached().log(after)).lines]

    def view(self, *, whole: bool = True) -> dict[str, Any]:
        """For people: what is set, whether its process runs, and what it said last.

        Not ``whole``: without the options, among which keys may be.
        """
        process = self._process
        return {
            "source": self.config.source,
            "options": list(self.config.options) if whole else [],
            "elsewhere": self.config.elsewhere,
            "from_start": self.from_start,
            "member": MEMBER if MEMBER in self._dispatcher.house_members() else "",
            "process": {"state": process.state, "restarts": process.restarts, "pid": process.pid} if process else None,
            "status": self.status.model_dump() if self.status else None,
            "problem": self.problem.as_dict() if self.problem else None,
        }

    def summary(self) -> dict[str, Any]:
        """For every page: its state, how far loading is, and what its model's licence asks to be shown."""
        status = self.status
        state = status.state if status else "away" if self.config.source else "none"
        progress = status.progress.model_dump() if status else {"fraction": None, "sentence": ""}
        fault = (status.error.model_dump() if status.error else None) if status else None
        if fault is None and self.problem is not None:
            fault = {"sentence": self.problem.sentence, "hint": self.problem.hint}
        return {
            "state": state,
            "progress": progress,
            "error": fault,
            "attribution": status.attribution if status else "",
        }

    def ready_for(self, member_id: str) -> bool:
        """Whether sub-agents of this member may be launched: the backend's own wait until it serves."""
        return member_id != MEMBER or not self.config.source or bool(self.status and self.status.state == "ready")

    # --- its process and its control -------------------------------------------------------------------

    def _begin(self) -> None:
        if not self.config.source or self.config.elsewhere:
            return
        self._process = BackendProcess(
            self._command(),
            {"BACKEND_CONTROL_TOKEN": self._kept(OWN_TOKEN), "BACKEND_API_KEY": self._kept(API_KEY)},
            self._settings.home / "backend" / "serve.log",
        )
        self._process.start()

    def _command(self) -> list[str]:
        python = self._settings.backend_python or sys.executable
        place = ["--port", str(self._settings.backend_port), "--control-port", "0"]
        logs = ["--logs", str(self._settings.home / "backend" / "logs")]
        until = ["--parent", str(os.getpid())]
        return [python, "-m", "backend", "serve", self.config.source, *place, *logs, *until, *self.config.options]

    async def _end(self) -> None:
        process, self._process = self._process, None
        self._let_go()
        while self._former:
            await self._former.pop().close()
        if process is not None:
            await process.close()
        self.status, self.problem = None, None

    def _reached(self) -> Control:
        """Its control. Raises BackendAway while there is none."""
        address = self.config.source if self.config.elsewhere else self._announced()
        if self._control is None or self._control.url != address.rstrip("/"):
            self._let_go()
            self._control = Control(address, self._token())
        return self._control

    def _let_go(self) -> None:
        """Its connections are closed when it is asked the next time."""
        if self._control is not None:
            self._former.append(self._control)
            self._control = None

    def _announced(self) -> str:
        process = self._process
        if process is None:
            raise NoBackend("No backend is set.")
        if process.control:
            return process.control
        if process.state == "down":
            raise BackendAway(f"The backend has ended. {process.last_words}", hint="It is being started again.")
        raise BackendAway("The backend is being started.", hint="It answers in a moment.")

    # --- its secrets -----------------------------------------------------------------------------------

    def _token(self) -> str:
        if self.config.elsewhere and self._settings.backend_token:
            return self._settings.backend_token
        return self._dispatcher.keys.find(TOKEN_ELSEWHERE) if self.config.elsewhere else self._kept(OWN_TOKEN)

    def _set_token(self, token: str) -> None:
        if token:
            self._dispatcher.keys.keep(TOKEN_ELSEWHERE, token)
        else:
            self._dispatcher.keys.forget(TOKEN_ELSEWHERE)

    def _kept(self, name: str) -> str:
        """A secret of this home, made once."""
        found = self._dispatcher.keys.find(name)
        if not found:
            found = new_token()
            self._dispatcher.keys.keep(name, found)
        return found

    def _api_key_ref(self) -> str:
        """One elsewhere has a key of its own, which an admin gives to the member."""
        return "" if self.config.elsewhere else f"secret:{API_KEY}"


def _split(options: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(options))
    except ValueError as error:
        raise Invalid(f"The backend's options cannot be read: {error}.", hint="Close every quote.") from error


def _checked(config: BackendConfig) -> BackendConfig:
    """The same with a whole path. Raises Invalid for a source that is neither a checkpoint nor an address."""
    if config.elsewhere:
        check_address(config.source)
    if not config.source or config.elsewhere:
        return config
    folder = Path(config.source).expanduser()
    found = False
    with contextlib.suppress(OSError):  # a name too long, or a folder that is not ours to read
        found = (folder / "config.json").is_file()
    if not found:
        hint = "Give a folder with a config.json, or the address of a backend's control (http://host:port)."
        raise Invalid(f"{config.source} is no checkpoint's folder.", hint=hint, field="source")
    return msgspec.structs.replace(config, source=str(folder.resolve()))
