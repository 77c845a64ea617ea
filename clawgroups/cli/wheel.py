"""The wheel of one sub-agent in a person's hands, over the API: taken, kept alive, driven, given back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from clawgroups.cli.house import Api, Json, Told
from clawgroups.cli.words import driver_words
from clawgroups.errors import ClawError, Invalid

POLL_S = 0.1
MOST_BETWEEN_S = 15.0  # signs of life come at least so often
PROOF_S = 30.0  # a stop that is not proved is forced long before
FIRST_PAGE = 400


class LostWheel(ClawError):
    """Somebody else drives now."""

    code = "lost_wheel"


class Wheel:
    """A context manager: while it is open, signs of life go to the server. ``agent`` is the sub-agent as last read."""

    def __init__(self, api: Api, agent_id: str) -> None:
        self._api = api
        self._id = agent_id
        self._path = f"/agents/{agent_id}"
        self._me = str(api.get("/me")["id"])
        self.agent: Json = api.get(self._path)
        self._seen = 0
        self._epoch = 0
        self._closing = threading.Event()
        self._life: threading.Thread | None = None
        self.lost: ClawError | None = None

    def __enter__(self) -> Wheel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._life is not None:
            self._life.join()

    @property
    def mine(self) -> bool:
        """Whether this person drives, proved alone."""
        driver = self.agent["driver"]
        held = driver is not None and driver["kind"] == "person" and driver["id"] == self._me
        return held and self.agent["state"] in ("driving", "waiting")

    def read(self) -> Json:
        """The sub-agent now."""
        self.agent = self._api.get(self._path)
        return self.agent

    def check_member(self, wanted: str) -> None:
        """Raises Invalid unless there is such a member, by id or name."""
        known = self._api.get("/members")["members"]
        if not any(wanted in (member["id"], member["name"]) for member in known):
            ids = ", ".join(str(member["id"]) for member in known)
            raise Invalid(f"There is no member {wanted!r} to hand back to.", hint=f"Members: {ids}.")

    # --- taking --------------------------------------------------------------------------------------

    def take(self, *, after_step: bool, waiting: Callable[[], object]) -> bool:
        """Takes the wheel and waits until the old driver's stop is proved; False when it was held already.

        ``waiting`` is called once when the end of a step must be waited for. Raises Told: who drives instead.
        """
        already = self.mine and bool(self.agent["lease_until"])
        if not already:
            mode = "after_step" if after_step else "now"
            self.agent = self._post("take-over", {"mode": mode})
            if after_step and not self._has_come():
                waiting()
            self._wait_for_it(after_step=after_step)
        self._epoch = int(self.agent["epoch"])
        self._seen = self._newest()
        self._life = threading.Thread(target=self._live_on, name="sign-of-life", daemon=True)
        self._life.start()
        return not already

    def _has_come(self) -> bool:
        driver = self.agent["driver"]
        return driver is not None and driver["kind"] == "person" and driver["id"] == self._me

    def _wait_for_it(self, *, after_step: bool) -> None:
        deadline = time.monotonic() + PROOF_S
        try:
            while not self.mine:
                if self.agent["state"] in ("done", "failed", "cancelled"):
                    raise ClawError(f"{self.agent['name']} is {self.agent['state']}: nobody drives it any more.")
                if after_step and not self._has_come():
                    deadline = time.monotonic() + PROOF_S
                    if not self.agent["asked_by"] and not self._read_again():
                        raise ClawError("The wish to take over was withdrawn.", hint="Ask again, or take over now.")
                if time.monotonic() > deadline:
                    raise ClawError("The old driver's stop is not proved yet.", hint="Look at the sub-agent on screen.")
                time.sleep(POLL_S)
                self.read()
        except KeyboardInterrupt:
            if after_step and not self._has_come():
                self._post("take-over/withdraw")
            raise

    def _read_again(self) -> bool:
        """Between two readings the wish may have become the wheel."""
        self.read()
        return self._has_come()

    # --- signs of life -------------------------------------------------------------------------------

    def _live_on(self) -> None:
        until = float(self.agent["lease_until"])
        while not self._closing.wait(self._pause(until)):
            try:
                until = float(self._api.post(f"{self._path}/lease", {"epoch": self._epoch})["lease_until"])
            except Told as error:
                self.lost = error
                return
            except ClawError as error:  # the server is away for a moment: the next sign of life may reach it
                self.lost = error if time.time() * 1000 > until else None
                if self.lost is not None:
                    return

    def _pause(self, until_ms: float) -> float:
        left = until_ms / 1000 - time.time()
        return min(MOST_BETWEEN_S, max(0.1, left / 4))

    # --- driving -------------------------------------------------------------------------------------

    def write(self, content: str = "", calls: list[Json] | None = None, *, ends: bool = False) -> None:
        """A turn of the person. Raises LostWheel when somebody else drives now."""
        body = {"epoch": self._epoch, "content": content, "tool_calls": calls or [], "result": ends}
        self.agent = self._post("steps", body)

    def hand_back(self, note: str, to: str = "") -> None:
        """Gives the wheel back."""
        self.agent = self._post("hand-back", {"epoch": self._epoch, "note": note, "to": to})

    def wait_for_calls(self) -> list[Json]:
        """The calls that a person or another sub-agent must answer, once no other runs any more."""
        while True:
            self.read()
            if self.agent["epoch"] != self._epoch:
                raise self._lost()
            if not any(call["status"] == "released" for call in self.agent["calls"]):
                return list(self.agent["calls"])
            time.sleep(POLL_S)

    def news(self) -> list[Json]:
        """What has come into the thread since this was last asked."""
        page = self._api.get(f"{self._path}/transcript", after=self._seen, limit=FIRST_PAGE)["entries"]
        self._seen = max([self._seen, *(int(entry["seq"]) for entry in page)])
        return list(page)

    def thread(self, count: int) -> list[Json]:
        """The end of the thread."""
        return list(self._api.get(f"{self._path}/transcript", before=2**53, limit=max(1, min(count, 1_000)))["entries"])

    def changes(self) -> Json:
        """Files with their status since the take-over, and the diff."""
        found: Json = self._api.get(f"{self._path}/files")
        return found

    def preview(self, note: str) -> str:
        """Exactly what the agent would be told at a hand-back."""
        return str(self._api.get(f"{self._path}/hand-back/preview", note=note)["text"])

    def _newest(self) -> int:
        return max((int(entry["seq"]) for entry in self.thread(1)), default=0)

    def _post(self, what: str, body: dict[str, Any] | None = None) -> Json:
        try:
            answer: Json = self._api.post(f"{self._path}/{what}", body)
        except Told as error:
            if error.code == "stale_epoch" or (what in ("steps", "hand-back") and error.status == 409):
                raise self._lost(error) from error
            raise self._refused(error) from error
        return answer

    def _lost(self, error: Told | None = None) -> ClawError:
        self.read()
        if error is not None and error.code != "stale_epoch" and self.mine:
            return error  # a rule says no, but the wheel is still here
        return LostWheel(
            f"The wheel is no longer yours. It is at epoch {self.agent['epoch']}; {self._who()}.",
            hint="Nothing was written. Take over again if you want to drive.",
        )

    def _refused(self, error: Told) -> ClawError:
        if error.status != 409:
            return error
        self.read()
        return ClawError(f"{error.sentence} Now: {self._who()}.", hint=error.hint, code=error.code)

    def _who(self) -> str:
        driver = self.agent["driver"]
        state = self.agent["state"].replace("_", " ")
        return f"{driver_words(driver)} drives" if driver else f"nobody drives, it is {state}"
