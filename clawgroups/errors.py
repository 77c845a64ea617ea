"""The error tree. Every error that reaches a person has a code, one sentence and a hint.

ClawError
├── Refused            a rule says no; names the rule and the state it met (HTTP 409)
│   └── StaleEpoch     the writer no longer holds the wheel; names who does (HTTP 409)
├── NotFound           nothing has that id (HTTP 404)
├── Invalid            the input does not fit; says what, where and how to mend it (HTTP 422)
├── TooLarge           what was sent is larger than this takes (HTTP 413)
├── NotSignedIn        nobody is known to ask: sign-in is needed, or it was not right (HTTP 401)
├── Forbidden          the person's role does not allow it; says who could (HTTP 403)
├── TooManyTries       too many wrong passwords; says how long to wait (HTTP 429)
├── LedgerError        the database cannot be used
│   ├── LedgerStopped  the writer stopped: full or damaged disk, lost ownership (HTTP 503)
│   ├── LedgerTooNew   the database was written by a newer program
│   └── LedgerBusy     another server owns this database
├── BackendAway        the backend cannot be asked now (HTTP 503); NoBackend: none is set (HTTP 404)
├── LinkError          the wire to a runner broke or spoke nonsense
├── DriverError        a model, program or outside agent could not take its turn
├── ToolError          a tool could not do what it was asked; the text goes to the caller
└── SandboxError       no sandbox can be had here
"""

from __future__ import annotations


class ClawError(Exception):
    """Something went wrong."""

    code = "error"
    status = 500
    hint = ""

    def __init__(self, sentence: str = "", *, hint: str = "", code: str = "") -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        self.hint = hint or type(self).hint
        self.code = code or type(self).code
        super().__init__(self.sentence)

    def as_dict(self) -> dict[str, object]:
        """The one shape in which errors leave the program."""
        return {"code": self.code, "sentence": self.sentence, "hint": self.hint}


class Refused(ClawError):
    """The rules do not allow this now."""

    code = "refused"
    status = 409

    def __init__(self, rule: str, state: str, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.rule = rule
        self.state = state

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "rule": self.rule, "state": self.state}


class StaleEpoch(Refused):
    """Somebody else holds the wheel now."""

    code = "stale_epoch"

    def __init__(self, state: str, *, epoch: int, driver: str | None, written: int) -> None:
        who = driver or "nobody"
        super().__init__(
            "alone",
            state,
            f"This write carries epoch {written}, but the wheel is at epoch {epoch}, held by {who}.",
            hint="Read the sub-agent again; take over if you want to drive.",
        )
        self.epoch = epoch
        self.driver = driver

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "epoch": self.epoch, "driver": self.driver}


class NotFound(ClawError):
    """Nothing here has that id."""

    code = "not_found"
    status = 404


class Invalid(ClawError):
    """The input does not fit."""

    code = "invalid"
    status = 422

    def __init__(self, sentence: str = "", *, hint: str = "", field: str = "") -> None:
        """``field``: which part of the input, where it is one, so that a form can say it there."""
        super().__init__(sentence, hint=hint)
        self.field = field

    def as_dict(self) -> dict[str, object]:
        if not self.field:
            return super().as_dict()
        return {**super().as_dict(), "fields": [{"field": self.field, "problem": self.sentence, "mend": self.hint}]}


class TooLarge(ClawError):
    """This is larger than what is taken here."""

    code = "too_large"
    status = 413


class NotSignedIn(ClawError):
    """Sign in first."""

    code = "not_signed_in"
    status = 401
    hint = "Open /sign-in in a browser, or send the header Authorization: Bearer TOKEN."


class Forbidden(ClawError):
    """Your role does not allow this."""

    code = "forbidden"
    status = 403
    hint = "Ask an admin of this server."


class TooManyTries(ClawError):
    """There were too many tries. ``wait_s``: how long to wait."""

    code = "too_many_tries"
    status = 429

    def __init__(self, sentence: str, *, wait_s: int, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.wait_s = wait_s

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "wait_s": self.wait_s}


class LedgerError(ClawError):
    """The database cannot be used."""

    code = "ledger"
    status = 503


class LedgerStopped(LedgerError):
    """The ledger's writer has stopped; nothing acknowledged is lost."""

    code = "ledger_stopped"
    hint = "Free disk space or mend the database, then start the server again."


class LedgerTooNew(LedgerError):
    """This database was written by a newer version of Claw Groups."""

    code = "ledger_too_new"
    hint = "Install that version or newer, or restore the backup made before the upgrade."


class LedgerBusy(LedgerError):
    """Another server owns this database."""

    code = "ledger_busy"
    hint = "Stop the other server first, or give this one another --home."


class BackendAway(ClawError):
    """The backend cannot be asked now."""

    code = "backend_away"
    status = 503


class NoBackend(BackendAway):
    """None is set."""

    code = "no_backend"
    status = 404
    hint = "An admin sets one on the backend's page."


class LinkError(ClawError):
    """The wire to a runner broke."""

    code = "link"
    status = 503


class DriverError(ClawError):
    """A driver could not take its turn.

    ``kind`` tells the dispatcher what to do: ``rate_limit`` requeues after ``retry_after`` seconds;
    everything else raises a request for a person.
    """

    code = "driver"

    def __init__(
        self,
        sentence: str,
        *,
        kind: str = "failed",
        hint: str = "",
        retry_after: float | None = None,
        partial: str = "",
    ) -> None:
        super().__init__(sentence, hint=hint, code=f"driver_{kind}")
        self.kind = kind
        self.retry_after = retry_after
        self.partial = partial


class ToolError(ClawError):
    """A tool could not do what it was asked."""

    code = "tool"


class SandboxError(ClawError):
    """No sandbox can be had on this machine."""

    code = "sandbox"
    hint = "Install bubblewrap (Debian: apt-get install bubblewrap)."
