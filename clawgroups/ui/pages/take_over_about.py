"""The panel about the sub-agent: where it stands in the group, its children, its prompt, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from clawgroups.group import commands as cmd
from clawgroups.ui.parts import ask_first, link, press, text, turn_off
from clawgroups.ui.person import why_not

if TYPE_CHECKING:
    from clawgroups.ui.pages.take_over import DriveRoom

SHOWN = 60
LIMITS = {
    "agent_steps": ("Its steps", ""),
    "max_steps": ("Steps of the group", ""),
    "budget_usd": ("Money of the group", "$"),
    "budget_tokens": ("Tokens of the group", ""),
    "hours": ("Hours of the group", ""),
}


class About:
    """Facts, drawn again only when they change."""

    def __init__(self, room: DriveRoom) -> None:
        self._room = room
        self._drawn: object = None
        self._root = ui.element("div").classes("drive-about")

    def show(self, view: dict[str, Any]) -> None:
        """Draws the facts of ``view``."""
        children = tuple((c["id"], c["name"], c["title"], c["state"]) for c in view["children"])
        told = (str(view["blocks"]), str([row for row in view["limits"] if row["limit"] != "hours"]))
        facts = (
            view["state"],
            view["step"],
            view["tokens"],
            view["cost"],
            children,
            view["member"],
            view["parent"],
            told,
        )
        if facts == self._drawn:
            return
        self._drawn = facts
        self._root.clear()
        with self._root:
            self._facts(view)
            self._limits(view["limits"])
            self._blocked(view["blocks"])
            self._children(children)
            self._words(view)
            if view["state"] not in ("done", "failed", "cancelled"):
                self._ending(view)

    def _facts(self, view: dict[str, Any]) -> None:
        names = {member["id"]: member["name"] for member in view["members"]}
        with ui.element("dl").classes("drive-card drive-facts"):
            self._fact("State", view["state"].replace("_", " "))
            self._fact("Role", view["role"])
            self._fact("Its own driver", names.get(view["member"], view["member"]))
            self._fact("Steps", f"{view['step']:,}")
            self._fact("Tokens", f"{view['tokens']:,}")
            self._fact("Cost", f"${view['cost']:.4f}")
            with ui.element("div"):
                with ui.element("dt"):
                    text("Parent")
                with ui.element("dd"):
                    if view["parent"]:
                        link("the conductor's side", f"/agents/{view['parent']}/drive")
                    else:
                        text("none: it conducts the group")

    def _fact(self, name: str, value: str) -> None:
        with ui.element("div"):
            with ui.element("dt"):
                text(name)
            with ui.element("dd"):
                text(value, "num")

    def _limits(self, limits: list[dict[str, Any]]) -> None:
        with ui.element("div").classes("drive-card"):
            text("Budget and limits", "drive-h").props("role=heading aria-level=2")
            for row in limits:
                name, unit = LIMITS[row["limit"]]
                used, most = (f"{unit}{row[key]:,.2f}" if unit else f"{row[key]:,}" for key in ("used", "most"))
                with ui.element("div").classes("drive-limit"):
                    text(name, "grow")
                    text(f"{used} of {most}" if row["most"] else f"{used}, no limit", "num muted")
                    if row["most"]:
                        share = min(100, 100 * row["used"] / row["most"])
                        with ui.element("span").classes("drive-bar").props("aria-hidden=true"):
                            ui.element("i").style(f"width: {share:.1f}%").classes("is-near" if share >= 80 else "")

    def _blocked(self, blocks: list[dict[str, str]]) -> None:
        if not blocks:
            return
        with ui.element("div").classes("drive-card"):
            text(f"Who waits for it ({len(blocks)})", "drive-h").props("role=heading aria-level=2")
            with ui.element("ul").classes("drive-children"):
                for other in blocks[:SHOWN]:
                    with ui.element("li"):
                        link(other["name"], f"/agents/{other['id']}/drive")
                        text(other["why"], "cut grow muted")

    def _children(self, children: tuple[tuple[str, str, str, str], ...]) -> None:
        if not children:
            return
        with ui.element("div").classes("drive-card"):
            text(f"Its sub-agents ({len(children)})", "drive-h").props("role=heading aria-level=2")
            with ui.element("ul").classes("drive-children"):
                for agent_id, name, title, state in children[:SHOWN]:
                    with ui.element("li"):
                        link(name, f"/agents/{agent_id}/drive")
                        text(title, "cut grow muted")
                        text(state.replace("_", " "), "tag")
            if len(children) > SHOWN:
                text(f"and {len(children) - SHOWN} more on the group's wall", "drive-p")

    def _words(self, view: dict[str, Any]) -> None:
        if not view["system_prompt"]:
            return
        with ui.element("details").classes("drive-card"):
            with ui.element("summary"):
                text("System prompt", "drive-h")
            text(view["system_prompt"], "drive-task-words")

    def _ending(self, view: dict[str, Any]) -> None:
        with ui.element("div").classes("drive-card"):
            text("End it", "drive-h").props("role=heading aria-level=2")
            text("A cancelled sub-agent cannot be started again; its thread and files stay.", "drive-p")
            with ui.element("div").classes("row"):
                off = why_not(self._room.house, cmd.CancelAgent)
                turn_off(press("Cancel it…", lambda: self._cancel(hand_up=False), "btn btn-danger"), off)
                if any(child["state"] not in ("done", "failed", "cancelled") for child in view["children"]):
                    up = press(
                        "Cancel it, hand its sub-agents up…", lambda: self._cancel(hand_up=True), "btn btn-danger"
                    )
                    turn_off(up, off)

    async def _cancel(self, *, hand_up: bool) -> None:
        room = self._room
        told = "Its sub-agents go on under its parent." if hand_up else "Its own sub-agents end with it."
        if await ask_first(f"Cancel {room.view['name']}?", told, "Cancel it", look="btn-danger"):
            await room.command(cmd.CancelAgent(agent=room.agent_id, hand_up=hand_up))
