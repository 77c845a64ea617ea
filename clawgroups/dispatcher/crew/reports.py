"""What runners report becomes commands; a refused write is answered, and kept aside for people to see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from clawgroups.dispatcher.crew.runner_link import RunnerLink
from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.live import LiveText
from clawgroups.errors import ClawError, LedgerStopped, NotFound, StaleEpoch
from clawgroups.group import commands as cmd
from clawgroups.group.draft import Decision
from clawgroups.group.group_tools import GROUP_TOOLS
from clawgroups.group.thread import ToolCall, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.ids import group_of
from clawgroups.link import messages as ms

log = logging.getLogger("clawgroups.reports")


def propose(call: ToolCall, tools: dict[str, ToolSpec]) -> cmd.ProposedCall:
    """A driver's call with what the catalogue knows of its tool."""
    spec = tools.get(call.name) or GROUP_TOOLS.get(call.name)
    if spec is None:
        return cmd.ProposedCall(id=call.id, name=call.name, arguments=call.arguments, known=False)
    return cmd.ProposedCall(
        id=call.id, name=call.name, arguments=call.arguments, safe=spec.safe, policy=spec.policy, off=spec.off
    )


class Reports:
    """Hears all runners."""

    def __init__(self, desk: Desk, live: LiveText) -> None:
        self._desk = desk
        self._live = live

    def hear(self, link: RunnerLink, message: ms.AnyMessage) -> None:
        """One message. Only the runner that holds a seat may report about it."""
        match message:
            case ms.Deltas():
                for delta in message.items:
                    if link.seats.get(delta.agent) == delta.epoch:
                        self._live.add(delta, delta.epoch)
            case ms.StepDone():
                self._step(link, message)
            case ms.ResultDone():
                self._result(link, message)
            case ms.Stopped():
                self._stopped(link, message)
            case ms.Failed():
                self._failed(link, message)
            case _:
                log.warning("unexpected message from a runner: %s", type(message).__name__)

    def _step(self, link: RunnerLink, message: ms.StepDone) -> None:
        turn = message.turn
        command = cmd.RecordStep(
            agent=message.agent,
            epoch=message.epoch,
            step=message.step,
            content=turn.content,
            reasoning=turn.reasoning,
            calls=tuple(propose(call, link.tools) for call in turn.calls),
            usage=turn.usage,
            finish=turn.finish,
        )
        self._post(link, command, message.epoch, "step", lambda: _words_of(turn))

    def _result(self, link: RunnerLink, message: ms.ResultDone) -> None:
        command = cmd.RecordResult(
            agent=message.agent,
            epoch=message.epoch,
            call=message.call,
            ok=message.ok,
            content=message.content,
            snapshot=message.snapshot,
            changed=message.changed,
        )
        self._post(link, command, message.epoch, f"result of {message.call}", lambda: message.content)

    def _stopped(self, link: RunnerLink, message: ms.Stopped) -> None:
        if link.seats.get(message.agent) == message.epoch:
            link.seats.pop(message.agent)
        command = cmd.ReportStopped(
            agent=message.agent,
            epoch=message.epoch,
            model_call=message.model_call,
            processes_found=message.processes_found,
            processes_left=message.processes_left,
            detail=message.detail,
            partial=message.partial,
            partial_reasoning=message.partial_reasoning,
            ends=message.ends,
            snapshot=message.snapshot,
        )
        self._post(link, command, message.epoch, "", lambda: "")

    def _failed(self, link: RunnerLink, message: ms.Failed) -> None:
        if link.seats.get(message.agent) == message.epoch:
            link.seats.pop(message.agent)
        command = cmd.ReportFailure(
            agent=message.agent,
            epoch=message.epoch,
            reason=message.reason,
            sentence=message.sentence,
            hint=message.hint,
            partial=message.partial,
            retry_after=message.retry_after,
        )
        self._post(link, command, message.epoch, "failure", lambda: message.sentence)

    def _post(
        self, link: RunnerLink, command: cmd.AgentCommand, epoch: int, what: str, content: Callable[[], str]
    ) -> None:
        """``content``: what people see of it when it is refused."""
        group = self._desk.groups.get(group_of(command.agent))
        agent = group.agents.get(command.agent) if group else None
        actor = "runner"
        if isinstance(command, cmd.RecordStep) and agent is not None and agent.driver is not None:
            actor = agent.driver.member  # the fence, not this name, decides whether the step is accepted
        done = self._desk.post(group_of(command.agent), command, actor, urgent=isinstance(command, cmd.ReportStopped))
        done.add_done_callback(lambda d: self._answered(link, command.agent, epoch, what, content, d))

    def _answered(
        self,
        link: RunnerLink,
        agent: str,
        epoch: int,
        what: str,
        content: Callable[[], str],
        done: asyncio.Future[Decision],
    ) -> None:
        error = None if done.cancelled() else done.exception()
        if error is None:
            return
        code = error.code if isinstance(error, ClawError) else "error"
        log.info("a runner's write was refused: %s", error, extra={"action": "write_refused", "agent": agent})
        if what and link.seats.get(agent) == epoch:
            link.seats.pop(agent)
            link.send(ms.RefusedWrite(agent=agent, epoch=epoch, code=code, sentence=str(error)))
        if isinstance(error, StaleEpoch) and (words := content()):
            late = cmd.KeepLateWrite(agent=agent, epoch=epoch, what=what, content=words, by="")
            kept = self._desk.post(group_of(agent), late, "dispatcher")
            kept.add_done_callback(_log_lost)
        elif what and not isinstance(error, (StaleEpoch, LedgerStopped, NotFound)):
            self._stall(agent, epoch, code, str(error))

    def _stall(self, agent: str, epoch: int, code: str, sentence: str) -> None:
        """The seat has been told to stop; a person decides how to go on with what could not be recorded."""
        failure = cmd.ReportFailure(agent=agent, epoch=epoch, reason=code, sentence=sentence)
        self._desk.post(group_of(agent), failure, "dispatcher").add_done_callback(_log_lost)


def _words_of(turn: Turn) -> str:
    """What a refused turn said and wanted, for people."""
    return "\n".join([turn.content, *(f"(wanted to call {c.name} with {c.arguments})" for c in turn.calls)]).strip()


def _log_lost(done: asyncio.Future[Decision]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.warning("a report could not be kept: %s", error, extra={"action": "report_lost"})
