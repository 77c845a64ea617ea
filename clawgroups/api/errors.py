"""Every error leaves in one shape: {"error": {code, sentence, hint, ...}}."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from clawgroups.errors import ClawError

log = logging.getLogger("clawgroups.api")
PREFIX = "/api/"


def install(app: FastAPI) -> None:
    """Adds the handlers."""
    app.add_exception_handler(ClawError, _claw)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def reply(status: int, body: dict[str, Any]) -> JSONResponse:
    """One error."""
    return JSONResponse({"error": body}, status_code=status)


async def _claw(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClawError)
    if error.status >= 500:
        log.error("%s %s: %s", request.method, request.url.path, error, extra={"action": "api_error"})
    return reply(error.status, error.as_dict())


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = []
    for problem in error.errors()[:5]:
        where = ".".join(str(part) for part in problem["loc"] if part != "body") or "body"
        problems.append(f"{where}: {problem['msg']}")
    return reply(
        422,
        {
            "code": "invalid",
            "sentence": "; ".join(problems) + ".",
            "hint": "The fields of every request are listed at /api/v1/docs.",
        },
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
    hint = "All addresses are listed at /api/v1/docs." if request.url.path.startswith(PREFIX) else ""
    return reply(error.status_code, {"code": code, "sentence": f"{error.detail}: {request.url.path}", "hint": hint})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s %s broke", request.method, request.url.path, exc_info=error, extra={"action": "api_broke"})
    sentence = f"The server failed on this ({type(error).__name__}); nothing was half done."
    return reply(500, {"code": "internal", "sentence": sentence, "hint": "The server's log has the details."})
