"""What people do to sub-agents beyond plain commands: turns of their own, hand-backs with a record, reassignments."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clawgroups.dispatcher.records import hand_back_record, reassign_record
from clawgroups.dispatcher.reports import propose
from clawgroups.errors import Invalid, LinkError
from clawgroups.group import commands as cmd
from clawgroups.group.group_tools import GROUP_TOOLS
from clawgroups.group.state import Agent, Group
from clawgroups.group.thread import Entry, ToolCall
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

log = logging.getLogger("clawgroups.people")
THREAD = 5_000


class People:
    """One per dispatcher."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def step(
        self,
        agent_id: str,
        actor: str,
        *,
        epoch: int,
        content: str,
        calls: Sequence[tuple[str, str, dict[str, Any]]],
        result: bool,
    ) -> Agent:
        """A person's turn: words, calls as (id, name, arguments), or the end of the task.

        Raises StaleEpoch when the wheel is no longer theirs.
        """
        if result and calls:
            raise Invalid("A turn that ends the task cannot call tools.", hint="Call them first.")
        if not content.strip() and not calls:
            raise Invalid("The turn is empty.", hint="Write something or call a tool.")
        _, agent = await self._dispatcher.agent(agent_id)
        tools = self.tools(agent_id)
        if not tools and any(name not in GROUP_TOOLS for _, name, _ in calls):
            raise LinkError("No runner is up that could run the call.", hint="It is being started; try again soon.")
        proposed = tuple(
            propose(ToolCall(call_id or f"person_{agent.step + 1}_{number}", name, json.dumps(arguments)), tools)
            for number, (call_id, name, arguments) in enumerate(calls)
        )
        command = cmd.RecordStep(agent=agent_id, epoch=epoch, content=content, calls=proposed, final=result)
        return await self._dispatcher.agent_command(command, actor)

    def tools(self, agent_id: str) -> dict[str, ToolSpec]:
        """The catalogue of the runner where the sub-agent sits, or of any."""
        crew = self._dispatcher.crew
        link = crew.link_of(agent_id) or crew.any_link()
        return link.tools if link else {}

    async def hand_back(self, agent_id: str, actor: str, *, epoch: int | None, to: str, note: str) -> Agent:
        """Gives the wheel back; the thread gains the record of what the person did."""
        record = await self.preview(agent_id, note)
        command = cmd.HandBack(agent=agent_id, epoch=epoch, to=to, note=note, record=record)
        return await self._dispatcher.agent_command(command, actor)

    async def preview(self, agent_id: str, note: str) -> str:
        """Exactly what the agent would be told now."""
        group, agent = await self._dispatcher.agent(agent_id)
        person = agent.driver.member if agent.driver else ""
        entries = await self._since_take_over(agent_id)
        files, diff = await self._changes_or_none(agent_id)
        name = group.members[person].name if person in group.members else "A person"
        return hand_back_record(person=name, note=note, entries=entries, files=files, diff=diff)

    async def _since_take_over(self, agent_id: str) -> list[Entry]:
        taken = await self._dispatcher.ledger.reader.last_take_over(agent_id)
        after = taken[0] if taken else 0
        return await self._dispatcher.ledger.reader.transcript(agent_id, after=after, limit=THREAD, for_driver=True)

    async def _changes_or_none(self, agent_id: str) -> tuple[list[dict[str, Any]] | None, str]:
        """None for the files where no runner can look: a hand-back must not wait for that, but it must say so."""
        try:
            if self._dispatcher.crew.any_link() is not None:
                return await self.changes(agent_id)
        except LinkError as error:
            log.warning("the changes of %s could not be read: %s", agent_id, error, extra={"action": "no_diff"})
        return None, ""

    async def changes(self, agent_id: str) -> tuple[list[dict[str, Any]], str]:
        """(files with their status, diff) since the last take-over; empty where no runner can look."""
        group, agent = await self._dispatcher.agent(agent_id)
        taken = await self._dispatcher.ledger.reader.last_take_over(agent_id)
        since = ""
        if taken is not None:
            since = await self._dispatcher.ledger.reader.last_snapshot(agent_id, before=taken[0])
        link = self._dispatcher.crew.link_of(agent_id) or self._dispatcher.crew.any_link()
        if link is None:
            return [], ""
        place = await self._dispatcher.drives.place(group, agent)
        found = await link.ask(ms.Ask(id=0, what="files", place=place, since=since))
        return found["files"], found["diff"]

    async def read_file(self, agent_id: str, path: str) -> dict[str, Any]:
        """A file of the sub-agent's workspace."""
        group, agent = await self._dispatcher.agent(agent_id)
        link = self._dispatcher.crew.link_of(agent_id) or self._dispatcher.crew.any_link()
        if link is None:
            raise LinkError("No runner is up that could read the file.", hint="Try again in a moment.")
        place = await self._dispatcher.drives.place(group, agent)
        body: dict[str, Any] = await link.ask(ms.Ask(id=0, what="read_file", place=place, path=path))
        return body

    async def reassign(self, agent_id: str, actor: str, *, to: str, reason: str) -> Agent:
        """Gives the task to another member, with a record of why."""
        group, agent = await self._dispatcher.agent(agent_id)
        await self._bring(group, to, actor)
        entries = await self._since_take_over(agent_id) if agent.driven_by_person else []
        former = agent.driver.member if agent.driver else agent.member
        record = reassign_record(
            former=_name(group, former), by=_name(group, actor), reason=reason, entries=entries[-50:]
        )
        command = cmd.Reassign(agent=agent_id, to=to, reason=reason, record=record)
        return await self._dispatcher.agent_command(command, actor)

    async def _bring(self, group: Group, member_id: str, actor: str) -> None:
        """A member of the house that was not in the group yet joins it by being given work."""
        member = self._dispatcher.house_members().get(member_id)
        if member is not None and member_id not in group.members:
            await self._dispatcher.command(group.id, cmd.AddMember(member), actor)


def _name(group: Group, member_id: str) -> str:
    member = group.members.get(member_id)
    return member.name if member else member_id
