"""The control's routes. Every one wants the token; errors are ``{"sentence", "hint"}``."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security.utils import get_authorization_scheme_param

from backend import __version__
from backend.control.monitor import Monitor
from backend.control.shapes import Fault, Status
from backend.control.subject import Subject
from backend.errors import BackendError

MOST_LINES = 2_000
LONGEST_LINE = 4_000


class _NoToken(Exception):
    """The token is missing or another one."""


def build(subject: Subject, monitor: Monitor, token: str) -> FastAPI:
    """The application that controls ``subject``. ``token`` may not be empty: whoever has it may stop the engine."""
    if not token:
        raise ValueError("a control needs a token")

    def shown(request: Request) -> None:
        scheme, given = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), token.encode()):
            raise _NoToken

    app = FastAPI(title="Backend control", version=__version__, dependencies=[Depends(shown)], docs_url=None)
    app.add_exception_handler(_NoToken, _no_token)
    app.add_exception_handler(BackendError, _told)

    @app.get("/status")
    async def status() -> Status:
        return _status(subject, monitor)

    @app.get("/samples")
    async def samples(after: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0) -> dict[str, Any]:
        return {"samples": monitor.history.since(after)}

    @app.get("/log")
    async def log(after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        lines = subject.log(after)
        if not lines and (kept := subject.log(0)) and kept[-1][0] < after:
            lines = kept  # whoever asks has seen the log of a former backend
        lines = lines[-MOST_LINES:]
        return {"lines": [{"number": number, "text": text[:LONGEST_LINE]} for number, text in lines]}

    @app.post("/{word}")
    async def act(word: Literal["start", "stop", "restart"]) -> Status:
        await {"start": subject.start, "stop": subject.stop, "restart": subject.restart}[word]()
        return _status(subject, monitor)

    return app


def _status(subject: Subject, monitor: Monitor) -> Status:
    status = subject.status()
    status.gpus = monitor.gpus or status.gpus
    status.version = __version__
    if status.state == "ready":
        status.figures = monitor.history.last
    return status


async def _no_token(request: Request, error: Exception) -> JSONResponse:
    fault = Fault(sentence="This control wants its token.", hint="Send it as Authorization: Bearer TOKEN.")
    return JSONResponse(fault.model_dump(), status_code=401, headers={"WWW-Authenticate": "Bearer"})


async def _told(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BackendError)  # that is what this handler is for
    return JSONResponse(Fault(sentence=error.sentence, hint=error.hint).model_dump(), status_code=409)
