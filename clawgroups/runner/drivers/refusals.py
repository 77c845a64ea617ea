"""A model server's refusals as sentences that a person can act on. Pure."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from clawgroups.errors import DriverError

_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window|limit)|(?:token|length) limit|maximum (?:model|context|input) length"
    r"|(?:prompt|input|request) is too long|exceeds? .{0,40}\b(?:context|tokens)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model.{0,200}(?:not found|does not exist|not a valid|unknown)|not found.{0,40}model", re.I | re.S
)
_NO_CREDIT = re.compile(r"quota|insufficient|billing|balance|credit", re.IGNORECASE)
AGAIN = frozenset({"rate_limit", "server", "connection", "timeout", "empty"})
"""Kinds that another try may mend."""


def refusal(status: int, said: bytes, headers: Mapping[str, str], *, model: str) -> DriverError:
    """The error for an answer that is not 200. Kinds: auth, not_found, rate_limit, quota, server, context_length,
    redirect, bad_request."""
    words, code = _words_and_code(said)
    after = retry_after(headers)
    if 300 <= status < 400:
        where = headers.get("location", "nowhere")[:200]
        sentence = f"The model server sends this request elsewhere ({status}), to {where!r}; that is not followed."
        return DriverError(sentence, kind="redirect", hint="If you trust that address, set it for this member.")
    if status in (402, 429):
        return _busy(status, words, code, after)
    if status in (408, 425) or status >= 500:
        hint = "Look at the model server's log, or try again later."
        return DriverError(f"The model server failed ({status}): {words}", kind="server", hint=hint, retry_after=after)
    return _fault(status, words, model)


def _busy(status: int, words: str, code: str, after: float | None) -> DriverError:
    if status == 402 or (_NO_CREDIT.search(code) and "rate" not in code):
        sentence = f"The account at the model server has nothing left to spend ({status}): {words}"
        return DriverError(sentence, kind="quota", hint="Top it up, or reassign to another member.")
    return DriverError(
        f"The model server is over its rate limit ({status}): {words}",
        kind="rate_limit",
        hint="It is tried again by itself; fewer sub-agents at once would help.",
        retry_after=after,
    )


def _fault(status: int, words: str, model: str) -> DriverError:
    if status == 401:
        sentence, hint = f"The model server refused the key (401): {words}", "Set the right key for this member."
        return DriverError(sentence, kind="auth", hint=hint)
    if status == 403:
        hint = "Check the key, and what it may use."
        return DriverError(f"The model server forbids this key to ask it (403): {words}", kind="auth", hint=hint)
    if status in (404, 405) or _NO_MODEL.search(words):
        sentence = f"The model server knows no model {model!r} at this address ({status}): {words}"
        return DriverError(sentence, kind="not_found", hint="Check the model's name and that the address ends in /v1.")
    if status == 413 or _TOO_LONG.search(words):
        hint = "Reassign it to a model with more context, or fork from an earlier step."
        return DriverError(
            f"The thread is too long for the model ({status}): {words}", kind="context_length", hint=hint
        )
    hint = "The member's settings (thinking, temperature, extra fields) may not fit this server."
    return DriverError(f"The model server refused the request ({status}): {words}", kind="bad_request", hint=hint)


def in_stream(error: Any, *, model: str) -> DriverError:
    """The error for an error that came as an event, with a status inside or none."""
    fields = error if isinstance(error, dict) else {}
    status = next((n for n in map(_status, (fields.get("code"), fields.get("status"))) if n), 0)
    if status:
        return refusal(status, json.dumps({"error": fields}).encode(), {}, model=model)
    words = words_of(error)
    if _TOO_LONG.search(words):
        return refusal(400, words.encode("utf-8", "replace"), {}, model=model)
    return DriverError(f"The model server reports: {words}", kind="failed", hint="The model server's log may say more.")


def _status(value: Any) -> int:
    text = str(value)
    return int(text) if re.fullmatch(r"[45]\d\d", text, re.ASCII) else 0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110 section 10.2.3); None where there is none."""
    value = headers.get("retry-after", "")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None  # neither form: the driver's own backoff holds
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _words_and_code(said: bytes) -> tuple[str, str]:
    text = said.decode("utf-8", "replace").strip()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return _plain(text), ""
    inner = body.get("error", body) if isinstance(body, dict) else body
    fields = inner if isinstance(inner, dict) else {}
    return words_of(body), f"{fields.get('code')} {fields.get('type')}"


def _plain(text: str) -> str:
    """A page of HTML says nothing that fits a sentence but its title."""
    title = re.search(r"<title>(.{1,200}?)</title>", text, re.IGNORECASE | re.DOTALL)
    return (title.group(1) if title else text[:200]).strip() or "no reason given"


def words_of(error: Any) -> str:
    """The sentence inside an error of any shape."""
    for _ in range(5):
        if not isinstance(error, dict):
            break
        error = error.get("message") or error.get("detail") or error.get("error") or json.dumps(error)
    return str(error).strip()[:500] or "no reason given"
