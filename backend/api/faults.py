"""Errors as clients of either form look for them, with words that a person can act on."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backend.errors import BackendError, RequestRefused

_OPENAI_TYPES = {401: "Unauthorized", 404: "NotFoundError", 413: "RequestTooLarge", 429: "RateLimitError"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
RETRY_AFTER_S = 1
_log = logging.getLogger(__name__)


class NotReady(RequestRefused):
    """The model is being loaded, or the server is going down."""

    status = 503


class NoSuchModel(RequestRefused):
    """Another model than this one is asked for by its name."""

    status = 404


class GenerationFailed(RequestRefused):
    """The engine could not go on with a request."""

    status = 500


class TooLarge(RequestRefused):
    """A body of more bytes than are read."""

    status = 413


class NoRoom(RequestRefused):
    """The requests that wait and run hold as much memory as they may."""

    status = 429


class SentTooSlowly(RequestRefused):
    """A body of which nothing came for too long."""

    status = 408


class Unauthorized(RequestRefused):
    """The key is missing or another one."""

    status = 401


def openai_error(message: str, status: int) -> dict[str, Any]:
    """SGLang's shape, which OpenAI's client reads as well."""
    kind = _OPENAI_TYPES.get(status, "BadRequestError" if status < 500 else "InternalServerError")
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


def anthropic_error(message: str, status: int) -> dict[str, Any]:
    """Anthropic's shape, in answers and in events."""
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def response(path: str, message: str, status: int) -> JSONResponse:
    """The error in the form of the path that was asked."""
    make = anthropic_error if path.startswith("/v1/messages") else openai_error
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    said = message.encode("utf-8", "replace").decode()  # it may repeat half a surrogate pair of the client's
    return JSONResponse(make(said, status), status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Every error of ``app`` becomes an answer of this module."""
    app.add_exception_handler(BackendError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unforeseen)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, RequestRefused) else 500
    return response(request.url.path, str(error), status)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # that is what this handler is for
    return response(request.url.path, sentence_of(error.errors()), 400)


def sentence_of(errors: Any) -> str:
    """One complaint about a body, with where it is: the deepest, for of a choice of forms that is the one meant."""
    first = max(errors, key=lambda error: len(error["loc"]))
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}."


async def _plain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # that is what this handler is for
    return response(request.url.path, str(error.detail), error.status_code)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s failed", request.url.path, exc_info=error)
    return response(request.url.path, "The server failed at this request; its log says why.", 500)
