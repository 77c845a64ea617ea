"""The banner of the take-over screen: the wheel, the lease, and the proof that the old driver stands still."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from clawgroups.ui.components.style import own_style


class Wheel(Element, component="wheel.js"):
    """``on_act`` gets now, after_step, withdraw, pause, resume, alive or give (the person wants to hand back)."""

    def __init__(self, on_act: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        own_style(self, __file__)
        self._props["wheel"] = {"mode": "loading"}

        async def act(event: GenericEventArguments) -> None:
            await on_act(str(event.args.get("id", "")))

        self.on("act", act, args=["id"])

    def show(self, wheel: dict[str, Any]) -> None:
        """``wheel``: see ``wheel_of``."""
        known = {key: value for key, value in self._props["wheel"].items() if key != "now"}
        if known != {key: value for key, value in wheel.items() if key != "now"}:
            self._props["wheel"] = wheel
            self.update()


def wheel_of(view: dict[str, Any], me: str, *, now: int, lease_ms: int) -> dict[str, Any]:
    """What the banner shows, from the API's view of a sub-agent. Times are ms; ``now`` is the server's clock."""
    names = {member["id"]: member["name"] for member in view["members"]}
    driver = view["driver"]
    return {
        "mode": mode_of(view, me),
        "state": view["state"],
        "wait": view["wait"],
        "name": view["name"],
        "driver": driver,
        "former": names.get(view["former"] or "", view["former"] or ""),
        "next": names.get(view["member"], view["member"]),
        "epoch": view["epoch"],
        "asked_by": names.get(view["asked_by"], view["asked_by"]),
        "pausing": bool(view["pausing"]),
        "lapsed": "you" if view["lapsed"] == me else names.get(view["lapsed"], view["lapsed"]),
        "lease_until": view["lease_until"],
        "lease_ms": lease_ms,
        "now": now,
        "since": driver["since"] if driver else view["since"],
        "proof": _proof(view),
        "can_wait": view["state"] in ("driving", "waiting") and not view["asked_by"],
    }


def mode_of(view: dict[str, Any], me: str) -> str:
    """ended, handing_over, mine, other (another person drives), asked (I take over after this step) or free."""
    driver = view["driver"]
    if view["state"] in ("done", "failed", "cancelled"):
        return "ended"
    person = driver is not None and driver["kind"] == "person"
    if person and driver["id"] != me:
        return "other"
    if person and view["state"] != "paused":
        return "handing_over" if view["state"] == "handing_over" else "mine"
    return "asked" if view["asked_by"] == me else "free"


def _proof(view: dict[str, Any]) -> dict[str, Any] | None:
    """The stop that belongs to the present turn at the wheel; None while it is not proved, or nothing had to stop."""
    stop, taken = view["stop"], view["taken"]
    if not stop or not taken or stop["at"] < taken["at"] or "proof" not in stop:
        return None
    return {**stop["proof"], "at": stop["at"], "after_ms": stop["at"] - taken["at"], "epoch": stop["epoch"]}
