"""The dispatcher: opens groups, takes commands, and keeps desk, crew, launcher, watch and feed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from clawgroups.dispatcher.accounts.accounts import Accounts
from clawgroups.dispatcher.attachments import Attachments
from clawgroups.dispatcher.backend.backend import Backend
from clawgroups.dispatcher.crew.crew import Crew
from clawgroups.dispatcher.crew.drives import Drives
from clawgroups.dispatcher.crew.launcher import Launcher, Ramp
from clawgroups.dispatcher.crew.reports import Reports
from clawgroups.dispatcher.crew.runner_link import RunnerLink
from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.feed import Feeds
from clawgroups.dispatcher.founding.estimates import Estimates
from clawgroups.dispatcher.founding.saved_templates import SavedTemplates
from clawgroups.dispatcher.guide import Guide
from clawgroups.dispatcher.history.history import Histories
from clawgroups.dispatcher.history.indexer import Indexer
from clawgroups.dispatcher.live import LiveText
from clawgroups.dispatcher.members.health import Health
from clawgroups.dispatcher.members.keys import Keys
from clawgroups.dispatcher.members.loads import Loads
from clawgroups.dispatcher.members.registry import Registry
from clawgroups.dispatcher.news import News
from clawgroups.dispatcher.pages import Pages
from clawgroups.dispatcher.people import People
from clawgroups.dispatcher.terminals.terminals import Terminals
from clawgroups.dispatcher.unsent import Unsent
from clawgroups.dispatcher.views import HOUSE
from clawgroups.dispatcher.watch import Watch
from clawgroups.dispatcher.webhook.webhook import Webhook
from clawgroups.errors import ClawError, LedgerError, LedgerStopped, NotFound, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group.draft import Decision
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import Agent, Group
from clawgroups.ids import group_of
from clawgroups.ledger.ledger import Ledger
from clawgroups.link import messages as ms
from clawgroups.settings import Settings
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.dispatcher")
URGENT = (cmd.TakeOver, cmd.Reassign, cmd.CancelAgent, cmd.CancelGroup, cmd.PauseAgent, cmd.PauseGroup)
RESTART = "the server was started again"
CLOSE_S = 3.0  # how long the last batches may take
PUT_AWAY_S = 60.0  # after this an ended group is no longer held in memory
MOST_ENDED = 20  # ended groups that were looked at lately and are kept


class Dispatcher:
    """One per server. ``kill_runner`` (process id; False: not theirs) is set by whoever supervises runners.

    ``token``: what a runner must show to join; a new one when it is left out.
    """

    def __init__(self, settings: Settings, ledger: Ledger, *, token: str = "") -> None:
        self.settings = settings
        self.ledger = ledger
        self.kill_runner: Callable[[int], bool] = lambda pid: False
        self.runner_status: Callable[[], dict[str, Any]] = lambda: {"state": "none", "restarts": 0}
        self.keys = Keys(settings.home / "secrets.json")
        self.tasks = Tasks(self._task_failed)
        self.live = LiveText()
        self.desk = Desk(ledger.writer, self._committed, on_stopped=self._ledger_stopped)
        self.news = News(self.desk, ledger.reader, self.live)
        self.unsent = Unsent(self.check_wheel)
        self.feeds = Feeds(self.live, self.news.snapshot, self.news.changes, self.unsent)
        self.drives = Drives(settings, self.desk, ledger.reader, self.keys)
        self.reports = Reports(self.desk, self.live)
        self.crew = Crew(
            make_drive=self.drives.make,
            on_message=self._hear_runner,
            lose_seat=self._lose_seat,
            drive_failed=self._drive_failed,
            on_join=self._runner_joined,
            on_lost=self._runner_lost,
            tasks=self.tasks,
            token=token,
        )
        self.health = Health()
        self.loads = Loads(self)
        self.registry = Registry(self)
        self.accounts = Accounts(self)
        self.people = People(self)
        self.news.requests.tools = self.people.tools
        self.terminals = Terminals(self)
        self.attachments = Attachments(self)
        self.pages = Pages(self)
        self.indexer = Indexer(ledger)
        self.webhook = Webhook(ledger.settings, self.desk, ledger.reader)
        self.history = Histories(self)
        self.templates = SavedTemplates(self, ledger.settings)
        self.estimates = Estimates(self)
        self.guide = Guide(self, ledger.settings)
        self.backend = Backend(self)
        self._ended: dict[str, Group] = {}
        self._putting_away: set[str] = set()
        self._desk_runs: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Loads what is unfinished; whatever a former process drove has lost its seat."""
        self.settings.work.mkdir(parents=True, exist_ok=True)
        for group_id in await self.ledger.reader.unfinished():
            self.desk.groups[group_id] = await self.ledger.reader.load_group(group_id)
        self._desk_runs = self.tasks.start(self.desk.run(), name="desk")
        await self.registry.open()
        await self.accounts.open()
        await self.webhook.open()
        await self.templates.open()
        await self.guide.open()
        await self.backend.open()
        await self._take_seats_back()
        launcher = Launcher(
            self._changing_groups,
            self._launch,
            lambda: self.crew.any_link() is not None,
            Ramp(self.settings.launch_burst, self.settings.launch_per_s),
            self.backend.ready_for,
        )
        watch = Watch(
            self._changing_groups,
            lapse=self._lapse,
            force=self._force_stop,
            unseated=self.crew.is_unseated,
            reseat=self.crew.drive_again,
            stop_timeout_s=self.settings.stop_timeout_s,
        )
        self.tasks.start(launcher.run(), name="launcher")
        self.tasks.start(watch.run(), name="watch")
        self.tasks.start(self.feeds.run(), name="feeds")
        await self.indexer.prepare()
        self.tasks.start(self.indexer.run(), name="indexer")
        self.tasks.start(self.accounts.sign_ins.run(), name="last-seen")
        self.tasks.start(self.webhook.run(), name="webhook")
        self.tasks.start(self.attachments.run(), name="attachments")
        self.tasks.start(self.backend.run(), name="backend")
        self._tell_status()

    async def _take_seats_back(self) -> None:
        """Raises LedgerStopped; what the rules cannot do about one sub-agent keeps no other from going on."""
        lost = [
            self.desk.post(group.id, cmd.LoseSeat(agent=agent.id, epoch=agent.seat, reason=RESTART), "dispatcher")
            for group in self.open_groups()
            for agent in group.agents.values()
            if agent.seat
        ]
        for answer in await asyncio.gather(*lost, return_exceptions=True):
            if isinstance(answer, LedgerStopped):
                raise answer
            if isinstance(answer, BaseException):
                log.error("a seat could not be taken back: %s", answer, extra={"action": "seat_stuck"})

    async def close(self) -> None:
        """Commits what waits, then ends every loop."""
        await self.accounts.close()
        self.desk.close()
        if self._desk_runs is not None:
            await asyncio.wait({self._desk_runs}, timeout=CLOSE_S)
        await self.tasks.close()
        await self.backend.close()
        await self.webhook.close()

    # --- groups --------------------------------------------------------------------------------------

    def open_groups(self) -> list[Group]:
        """The groups in memory, without the house."""
        return [group for group in self.desk.groups.values() if group.id != HOUSE]

    def _changing_groups(self) -> list[Group]:
        """Those that the loops look after: nothing changes any more once the ledger has stopped."""
        return [] if self.ledger.writer.stopped else self.open_groups()

    async def group(self, group_id: str) -> Group:
        """An open group, or an ended one from the ledger. Raises NotFound."""
        found = self.desk.groups.get(group_id) or self._ended.get(group_id)
        if found is None:
            found = await self.ledger.reader.load_group(group_id)
            if group_id in self.desk.groups:  # opened while it was read
                return self.desk.groups[group_id]
            self._keep_ended(found)
        return found

    def _keep_ended(self, group: Group) -> None:
        self._ended[group.id] = group
        if len(self._ended) > MOST_ENDED:
            self._ended.pop(next(iter(self._ended)))

    async def agent(self, agent_id: str) -> tuple[Group, Agent]:
        """A sub-agent and its group. Raises NotFound."""
        try:
            group = await self.group(group_of(agent_id))
            return group, group.agents[agent_id]
        except (NotFound, KeyError):
            raise NotFound(f"There is no sub-agent {agent_id}.") from None

    async def command(self, group_id: str, command: cmd.Command, actor: str) -> Group:
        """Any command of a person; returns the state once it is committed.

        Raises Forbidden, Refused, StaleEpoch, NotFound, Invalid or LedgerStopped.
        """
        self.accounts.check(actor, type(command), group_id)
        command = self.accounts.marked(actor, command)
        if group_id not in self.desk.groups and not isinstance(command, cmd.CreateGroup):
            await self._reopen(group_id)
        if isinstance(command, cmd.AnswerRequest):
            self.accounts.check_answer(actor, command, self.desk.groups[group_id])
        await self._bring_person(group_id, actor)
        if isinstance(command, cmd.AssignRequest):
            await self._bring_person(group_id, command.to)
        if isinstance(command, cmd.ForkAgent) and (group := self.desk.groups.get(group_id)) and group.ended_at:
            await self.registry.freshen(group)
        if isinstance(command, cmd.ResumeAgent):
            command = await self.people.told(command, actor)
        elif isinstance(command, cmd.AnswerRequest):
            command = await self.people.informed(group_id, command, actor)
        decision = await self.desk.post(group_id, command, actor, urgent=isinstance(command, URGENT))
        return decision.group

    async def agent_command(self, command: cmd.AgentCommand, actor: str) -> Agent:
        """A command about one sub-agent; the group is in its id."""
        if group_of(command.agent) not in self.desk.groups:
            await self.agent(command.agent)
        group = await self.command(group_of(command.agent), command, actor)
        return group.agents[command.agent]

    async def _reopen(self, group_id: str) -> None:
        """An ended group is read back so that the rules can refuse with its real state."""
        found = await self.ledger.reader.load_group(group_id)
        self._ended.pop(group_id, None)
        self.desk.groups.setdefault(group_id, found)
        self._put_away_later(group_id)

    async def _bring_person(self, group_id: str, actor: str) -> None:
        """A person of the house who acts in a group for the first time joins it."""
        group = self.desk.groups.get(group_id)
        person = self.house_members().get(actor)
        if group is None or person is None or person.kind is not MemberKind.PERSON:
            return
        if actor not in group.members and not group.ended_at:
            await self.desk.post(group_id, cmd.AddMember(person), "dispatcher", urgent=True)

    def house_members(self) -> dict[str, Member]:
        """The installation's members by id."""
        house = self.desk.groups.get(HOUSE)
        return house.members if house else {}

    # --- what the loops ask for ----------------------------------------------------------------------

    def _launch(self, agent_id: str) -> asyncio.Future[Decision]:
        return self.desk.post(group_of(agent_id), cmd.Launch(agent=agent_id), "dispatcher")

    def _lapse(self, agent_id: str) -> None:
        self._post_quietly(agent_id, cmd.LapseLease(agent=agent_id))

    def _lose_seat(self, agent_id: str, epoch: int, reason: str) -> asyncio.Future[Decision]:
        return self._post_quietly(agent_id, cmd.LoseSeat(agent=agent_id, epoch=epoch, reason=reason))

    def _drive_failed(self, agent_id: str, epoch: int, error: ClawError) -> None:
        command = cmd.ReportFailure(
            agent=agent_id, epoch=epoch, reason=error.code, sentence=error.sentence, hint=error.hint
        )
        self._post_quietly(agent_id, command)

    def _post_quietly(self, agent_id: str, command: cmd.AgentCommand) -> asyncio.Future[Decision]:
        """For commands that nobody waits for: a refusal is only logged."""
        done = self.desk.post(group_of(agent_id), command, "dispatcher", urgent=True)
        done.add_done_callback(_log_refusal)
        return done

    def _force_stop(self, agent_id: str, seat: int, tries: int) -> None:
        """A stop was not proved in time: our own runner is killed, and its end is the proof; another one is cut off."""
        link = self.crew.link_of(agent_id)
        if link is None or link.seats[agent_id] != seat:
            self.crew.lose_seat(agent_id, seat, "no runner held it")
        elif tries or not (link.local and self.kill_runner(link.pid)):
            self.crew.expel(link, "it did not prove a stop in time")

    def _hear_runner(self, link: RunnerLink, message: ms.AnyMessage) -> None:
        if isinstance(message, ms.TerminalReport):
            self.terminals.hear(link, message)
        elif isinstance(message, ms.FetchFile):
            self.tasks.start(self.attachments.serve(link, message), name=f"fetch-{message.agent}")
        else:
            self.reports.hear(link, message)

    def _runner_lost(self, link: RunnerLink) -> None:
        """One that is stuck would keep another from being started."""
        if link.local:
            self.kill_runner(link.pid)
        self._tell_status()

    def _ledger_stopped(self) -> None:
        self.crew.stand_still()
        self._tell_status()

    def _tell_status(self) -> None:
        self.feeds.tell_status(self.status())

    def _runner_joined(self, link: RunnerLink) -> None:
        """Everybody who should have a seat and is on no runner gets one."""
        self._tell_status()
        for group in self.open_groups():
            for agent in group.agents.values():
                if agent.seat and agent.seat == agent.epoch and self.crew.link_of(agent.id) is None:
                    self.crew.drive_again(group, agent.id)

    def _committed(self, before: Group, decision: Decision) -> None:
        group = decision.group
        self.indexer.hear()
        self.webhook.hear(decision)
        self.loads.hear(decision)
        self.news.hear(before, decision, self.feeds.of(group.id))
        self.crew.carry_out(decision)
        self.terminals.committed(group)
        self.unsent.committed(group)
        if group.ended_at and group.id != HOUSE:
            self._put_away_later(group.id)

    def _put_away_later(self, group_id: str) -> None:
        if group_id not in self._putting_away:
            self._putting_away.add(group_id)
            self.tasks.start(self._put_away(group_id), name=f"put-away-{group_id}")

    async def _put_away(self, group_id: str) -> None:
        """An ended group leaves memory after a while, once nothing of it is on a runner; the ledger has it."""
        try:
            while True:
                await asyncio.sleep(PUT_AWAY_S)
                group = self.desk.groups.get(group_id)
                if group is None or not group.ended_at:
                    return
                if not any(agent.seat for agent in group.agents.values()):
                    del self.desk.groups[group_id]
                    self._keep_ended(group)
                    self.live.forget_group(group_id)
                    return
        finally:
            self._putting_away.discard(group_id)

    def _task_failed(self, name: str, error: BaseException) -> None:
        log.error("background task %s failed", name, extra={"action": "task_failed"}, exc_info=error)

    def status(self) -> dict[str, Any]:
        """The server's own state, for people."""
        stopped = self.ledger.writer.stopped
        link = self.crew.any_link()
        runner = self.runner_status()
        sandbox = {"level": link.sandbox, "detail": link.sandbox_detail} if link else {"level": "", "detail": ""}
        return {
            "ledger": {"state": "stopped" if stopped else "ok", "message": stopped, "hint": self.ledger.writer.hint},
            "runner": {
                "state": "up" if link else runner.get("state", "down"),
                "restarts": runner.get("restarts", 0),
                "sandbox": sandbox,
            },
            "backend": self.backend.summary(),
        }

    def check_wheel(self, agent_id: str, actor: str, epoch: int) -> None:
        """The first fence of what is no step (keys, unsent words). Raises LedgerStopped, Forbidden or StaleEpoch."""
        self.check_ledger()
        self.accounts.check(actor, cmd.RecordStep)
        group = self.desk.groups.get(group_of(agent_id))
        agent = group.agents.get(agent_id) if group else None
        driver = agent.driver if agent else None
        if agent is None or driver is None or agent.epoch != epoch or driver.member != actor or agent.ended:
            state, present = (agent.status.value, agent.epoch) if agent else ("closed", 0)
            raise StaleEpoch(state, epoch=present, driver=driver.member if driver else None, written=epoch)

    def check_ledger(self) -> None:
        """Raises LedgerStopped when nothing can be written any more."""
        if self.ledger.writer.stopped:
            raise LedgerStopped(self.ledger.writer.stopped)


def _log_refusal(done: asyncio.Future[Decision]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        level = logging.DEBUG if isinstance(error, ClawError) and not isinstance(error, LedgerError) else logging.ERROR
        log.log(level, "a command of the dispatcher was refused: %s", error, extra={"action": "refused"})
