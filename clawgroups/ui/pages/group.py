"""The control room of one group: the inbox, four views of its sub-agents, the drawer, and what the group made."""

from __future__ import annotations

from nicegui import ui

from clawgroups.dispatcher.dispatcher import Dispatcher
from clawgroups.errors import ClawError
from clawgroups.group.state import Group
from clawgroups.ui.components.agent_tree.agent_tree import AgentTree
from clawgroups.ui.components.drawer.drawer import Drawer
from clawgroups.ui.components.group_foot.group_foot import GroupFoot
from clawgroups.ui.components.group_head.group_head import GroupHead
from clawgroups.ui.components.inbox.inbox import Inbox
from clawgroups.ui.components.result.result import Result
from clawgroups.ui.components.room_tabs.room_tabs import RoomTabs
from clawgroups.ui.components.table.table import Table
from clawgroups.ui.components.talk.talk import Talk
from clawgroups.ui.components.thread.thread import Thread
from clawgroups.ui.components.timeline.timeline import Timeline
from clawgroups.ui.components.wall.wall import Wall
from clawgroups.ui.shell import frame, problem, report

MARKDOWN = (".md", ".markdown")


def register(house: Dispatcher) -> None:
    """Adds the page ``/groups/{group_id}``."""

    @ui.page("/groups/{group_id}")
    async def group_page(group_id: str) -> None:
        try:
            group = await house.group(group_id)
        except ClawError as error:
            problem(error, title="No such group")
            return
        with frame(group.name, crumbs=[("Groups", "/")], active="groups", fill=True) as content:
            with content.top:
                GroupHead(group.id)
            with ui.element("div").classes("room"):
                Inbox(group.id)
                with ui.element("div").classes("room-middle"):
                    RoomTabs(group.id)
                    Wall(group.id)
                    Timeline(group.id)
                    AgentTree(group.id)
                    Table(group.id)
                    Talk(group.id)
                    _result(house, group)
                    GroupFoot(group.id)
                _drawer(group)


def _drawer(group: Group) -> None:
    drawer = Drawer(group.id)

    def show(agent_id: str) -> None:
        drawer.clear()
        if agent_id in ("", None):
            return
        with drawer:
            Thread(group.id, agent_id, compact=True)

    drawer.on_thread(show)


def _result(house: Dispatcher, group: Group) -> None:
    result = Result(group.id)

    async def read(path: str) -> None:
        try:
            file = await house.people.read_file(group.root, path)
        except ClawError as error:
            report(error)
            return
        result.clear()
        with result:
            _file(path, str(file["text"]), truncated=bool(file["truncated"]))

    result.on_read(read)


def _file(path: str, text: str, *, truncated: bool) -> None:
    """A file of the workspace. It is hostile input: markdown is sanitised in the browser, the rest is plain text."""
    if truncated:
        ui.label("Only the beginning is shown; download the file for the rest.").classes("muted")
    if path.endswith(MARKDOWN):
        ui.markdown(text, extras=["fenced-code-blocks", "tables"]).classes("page-text")
    else:
        with ui.element("pre").classes("code"):
            ui.label(text)
