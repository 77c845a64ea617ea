"""Every error leaves in one shape: {"error": {code, sentence, hint, ...}}."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from clawgroups.api.addresses import address_of
from clawgroups.api.door import LIST, SMALLER
from clawgroups.api.mend import problem_of
from clawgroups.errors import BackendAway, ClawError, TooManyTries

log = logging.getLogger("clawgroups.api")
SHOWN = 5
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_HINTS = {400: "Send a JSON object, not nested deeply.", 413: SMALLER}
_DEFAULT_HINTS = {
    "not_found": "Look whether the id is right, and whether this server serves the home you mean.",
    "tool": "Look which files there are, with the address that ends in /files.",
    "timeout": "It may be busy, or what it asks is slow: try again in a moment.",
    "refused": "Read it again: what it is now says what may be done.",
}
_STATUS = {"link": 503, "link_closed": 503, "timeout": 503, "tool": 422, "sandbox": 503}
"""Codes that come from a runner, or from errors that know nothing of HTTP."""


class Told(BaseModel):
    """What went wrong. Some codes say more: ``rule`` and ``state`` of a refusal, ``epoch`` and ``driver`` of a
    stale write, ``fields`` of an invalid body."""

    model_config = ConfigDict(extra="allow")

    code: str
    sentence: str
    hint: str


class ErrorReply(BaseModel):
    """The shape of every error."""

    error: Told


_MEANINGS = {
    401: "not_signed_in: nobody is known to ask, or name and password do not fit",
    403: "forbidden: your role does not allow it; the hint says who could",
    404: "not_found: nothing has that id",
    409: "refused: a rule says no (rule, state); stale_epoch: somebody else holds the wheel (epoch, driver)",
    413: "too_large: the body is over 8 MiB, or a file over 20 MiB",
    415: "not_json: the body is not JSON",
    422: "invalid: a field does not fit (fields)",
    429: "too_many_tries: too many wrong passwords (wait_s)",
    503: "ledger_stopped: nothing can be written any more; link: no runner is up",
}


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route can answer with besides success, for its OpenAPI description."""
    return {status: {"model": ErrorReply, "description": _MEANINGS[status]} for status in statuses}


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
    status = _STATUS.get(error.code, error.status)
    if status >= 500 and not isinstance(error, BackendAway):  # which is told on every page, and no fault of ours
        log.error("%s %s: %s", request.method, request.url.path, error, extra={"action": "api_error"})
    body = error.as_dict()
    answer = reply(status, {**body, "hint": body["hint"] or _DEFAULT_HINTS.get(error.code, "")})
    if isinstance(error, TooManyTries):
        answer.headers["Retry-After"] = str(error.wait_s)
    return answer


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    address = address_of(request.app, request.url.path)
    body = address.fields.get(request.method, {}) if address else {}
    problems = [problem_of(found, list(body.get("properties", ()))) for found in error.errors()[:SHOWN]]
    return reply(
        422,
        {
            "code": "invalid",
            "sentence": " ".join(f"{p['field']}: {p['problem']}" for p in problems),
            "hint": " ".join(dict.fromkeys(p["mend"] for p in problems)),
            "fields": problems,
        },
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "http")
    sentence = f"{error.detail.rstrip('.')}: {request.url.path}."
    return reply(error.status_code, {"code": code, "sentence": sentence, "hint": _HINTS.get(error.status_code, LIST)})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s broke", request.method, request.url.path, exc_info=error, extra={"action": "api_broke"})
    sentence = f"The server failed on this ({type(error).__name__}); nothing was half done."
    return reply(500, {"code": "internal", "sentence": sentence, "hint": "The server's log has the details."})
