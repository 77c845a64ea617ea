"""What people do to sub-agents beyond plain commands: turns of their own, hand-backs with a record, reassignments."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from clawgroups.dispatcher.crew.reports import propose
from clawgroups.dispatcher.records import Meanwhile, hand_back_record, lapse_record, person_record
from clawgroups.dispatcher.terminals.terminals import terminal_spec
from clawgroups.errors import ClawError, Invalid, LedgerStopped, LinkError
from clawgroups.group import commands as cmd
from clawgroups.group.group_tools import GROUP_TOOLS
from clawgroups.group.members import MemberKind
from clawgroups.group.state import Agent, AgentStatus, Group, RequestKind
from clawgroups.group.thread import ToolCall
from clawgroups.group.tools import ToolSpec
from clawgroups.ledger.histories import away_since
from clawgroups.link import messages as ms
from clawgroups.link.messages import TERMINAL

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
        await self._dispatcher.terminals.rest(agent_id, actor, epoch, keep=not result)
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

    async def open_terminal(self, agent_id: str, actor: str, *, epoch: int, cols: int, rows: int) -> Agent:
        """A step of the person with the one call that opens their terminal; see ``Terminals``."""
        _, agent = await self._dispatcher.agent(agent_id)
        tools = {TERMINAL: terminal_spec(self._dispatcher.crew.link_of(agent_id))}
        arguments = json.dumps({"interactive": True, "cols": cols, "rows": rows})
        call = propose(ToolCall(f"person_{agent.step + 1}_terminal", TERMINAL, arguments), tools)
        command = cmd.RecordStep(agent=agent_id, epoch=epoch, content="", calls=(call,))
        return await self._dispatcher.agent_command(command, actor)

    def tools(self, agent_id: str) -> dict[str, ToolSpec]:
        """The catalogue of the runner where the sub-agent sits, or of any."""
        crew = self._dispatcher.crew
        link = crew.link_of(agent_id) or crew.any_link()
        return link.tools if link else {}

    async def hand_back(
        self, agent_id: str, actor: str, *, epoch: int | None, to: str, note: str, one_step: bool = False
    ) -> Agent:
        """Gives the wheel back, perhaps for one step only; the thread gains the record of what the person did."""
        group, agent = await self._dispatcher.agent(agent_id)
        if one_step:
            note = f"{note.rstrip()}\n\n{_who_drove(group, agent)} has the wheel again after your next step.".strip()
        await self._dispatcher.terminals.rest(agent_id, actor, epoch, keep=False)
        record = await self.preview(agent_id, note)
        lease_ms = int(self._dispatcher.settings.lease_s * 1_000)
        command = cmd.HandBack(
            agent=agent_id, epoch=epoch, to=to, note=note, record=record, one_step=one_step, lease_ms=lease_ms
        )
        return await self._dispatcher.agent_command(command, actor)

    async def preview(self, agent_id: str, note: str) -> str:
        """Exactly what the agent would be told now."""
        group, agent = await self._dispatcher.agent(agent_id)
        since = await away_since(self._dispatcher.ledger.reader, agent_id)
        return hand_back_record(_who_drove(group, agent), note, await self._meanwhile(group, agent_id, since))

    async def told(self, command: cmd.ResumeAgent, actor: str) -> cmd.ResumeAgent:
        """The same with the record for an agent from which a person took the wheel and went away."""
        group, agent = await self._dispatcher.agent(command.agent)
        if agent.status is not AgentStatus.PAUSED or agent.seat or agent.paused_by == agent.member:
            return command  # nothing to tell, or the person's seat is not proved to have stopped: the rules refuse then
        since = await away_since(self._dispatcher.ledger.reader, agent.id)
        if not since:
            return command
        meanwhile = await self._meanwhile(group, agent.id, since)
        record = lapse_record(_who_drove(group, agent), _name(group, actor), meanwhile)
        return cmd.ResumeAgent(agent=agent.id, epoch=agent.epoch, record=record)

    async def informed(self, group_id: str, command: cmd.AnswerRequest, actor: str) -> cmd.AnswerRequest:
        """The same with what an answer needs by which a sub-agent goes on that stood still."""
        group = self._dispatcher.desk.groups[group_id]
        request = group.requests.get(command.request)
        if request is None or request.kind is not RequestKind.STALL:
            return command
        agent = group.agents[request.agent]
        match command.decision:
            case "resume":
                told = await self.told(cmd.ResumeAgent(agent=agent.id), actor)
                return replace(command, epoch=told.epoch, record=told.record)
            case "take_over":
                return replace(command, lease_ms=int(self._dispatcher.settings.lease_s * 1_000))
            case "reassign":
                await self._bring(group, command.member, actor)
                return replace(command, record=await self._record_of_people(group, agent))
        return command

    async def _meanwhile(self, group: Group, agent_id: str, since: int) -> Meanwhile:
        """Everything since event ``since``, by which a person got the wheel."""
        reader = self._dispatcher.ledger.reader
        entries = await reader.transcript(agent_id, after=since, limit=THREAD, for_driver=True) if since else []
        files, diff = await self._changes_or_none(agent_id)
        people = {m.id: m.name for m in group.members.values() if m.kind is MemberKind.PERSON}
        return Meanwhile(people=people, entries=entries, files=files, diff=diff)

    async def _changes_or_none(self, agent_id: str) -> tuple[list[dict[str, Any]] | None, str]:
        """None for the files where they cannot be looked at: a hand-back must not wait for that, but it must say so."""
        try:
            if self._dispatcher.crew.any_link() is not None:
                return await self.changes(agent_id)
        except LedgerStopped:
            raise
        except ClawError as error:
            log.warning("the changes of %s could not be read: %s", agent_id, error, extra={"action": "no_diff"})
        return None, ""

    async def changes(self, agent_id: str) -> tuple[list[dict[str, Any]], str]:
        """(files with their status, diff) since people took the wheel, or did last; empty where no runner can look."""
        group, agent = await self._dispatcher.agent(agent_id)
        reader = self._dispatcher.ledger.reader
        taken = await away_since(reader, agent_id)
        if not taken:
            last = await reader.last_take_over(agent_id)
            taken = last[0] if last else 0
        since = await reader.last_snapshot(agent_id, before=taken) if taken else ""
        link = self._dispatcher.crew.link_of(agent_id) or self._dispatcher.crew.any_link()
        if link is None:
            return [], ""
        place = await self._dispatcher.drives.place(group, agent)
        found = await link.ask(ms.Ask(id=0, what="files", place=place, since=since))
        return found["files"], found["diff"]

    async def read_file(self, agent_id: str, path: str) -> dict[str, Any]:
        """A file of the sub-agent's workspace."""
        return await self._ask(agent_id, "read_file", path)

    async def fingerprint(self, agent_id: str, path: str) -> str:
        """The sha of a file as it is now; empty where there is none."""
        return str((await self._ask(agent_id, "fingerprint", path))["sha"])

    async def folder(self, agent_id: str, path: str) -> dict[str, Any]:
        """What lies in one folder of the workspace."""
        return await self._ask(agent_id, "folder", path)

    async def _ask(self, agent_id: str, what: str, path: str) -> dict[str, Any]:
        group, agent = await self._dispatcher.agent(agent_id)
        link = self._dispatcher.crew.link_of(agent_id) or self._dispatcher.crew.any_link()
        if link is None:
            raise LinkError("No runner is up that could read the file.", hint="Try again in a moment.")
        place = await self._dispatcher.drives.place(group, agent)
        body: dict[str, Any] = await link.ask(ms.Ask(id=0, what=what, place=place, path=path))
        return body

    async def reassign(self, agent_id: str, actor: str, *, to: str, reason: str) -> Agent:
        """Gives the task to another member, who is told why, and what people did since another driver last drove."""
        group, agent = await self._dispatcher.agent(agent_id)
        await self._bring(group, to, actor)
        record = await self._record_of_people(group, agent)
        command = cmd.Reassign(agent=agent_id, to=to, reason=reason, record=record)
        return await self._dispatcher.agent_command(command, actor)

    async def _record_of_people(self, group: Group, agent: Agent) -> str:
        """What people did since another driver last drove; empty when none did."""
        since = await away_since(self._dispatcher.ledger.reader, agent.id)
        return person_record(_who_drove(group, agent), await self._meanwhile(group, agent.id, since)) if since else ""

    async def _bring(self, group: Group, member_id: str, actor: str) -> None:
        """A member of the house that was not in the group yet joins it by being given work."""
        member = self._dispatcher.house_members().get(member_id)
        if member is not None and member_id not in group.members:
            await self._dispatcher.command(group.id, cmd.AddMember(member), actor)


def _who_drove(group: Group, agent: Agent) -> str:
    """The person at the wheel, or who lost it to the pause."""
    person = agent.driver.member if agent.driver else agent.paused_by
    return group.members[person].name if person in group.members else "A person"


def _name(group: Group, member_id: str) -> str:
    member = group.members.get(member_id)
    return member.name if member else member_id
