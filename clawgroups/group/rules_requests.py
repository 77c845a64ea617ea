"""Rules for answers. A request is answered once, while it is live; the second answer is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec.structs import replace

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import boundary, close_call, end_failed, queue_words, seat_again
from clawgroups.group.draft import Draft, refuse
from clawgroups.group.group_tools import GROUP_TOOLS, run_group_tool
from clawgroups.group.rules_assign import is_anothers, open_request, refuse_anothers
from clawgroups.group.rules_group import cancel_group
from clawgroups.group.rules_lease import is_lapse
from clawgroups.group.rules_review import accept_work, send_back
from clawgroups.group.rules_wheel import cancel_agent, reassign, resume_agent, take_over
from clawgroups.group.state import Agent, AgentStatus, Fate, Limits, Request, RequestKind, WaitReason
from clawgroups.group.tools import Policy

SCOPES = ("once", "tool", "group")
Handler = Callable[[Draft, Request, cmd.AnswerRequest], None]


def answer(draft: Draft, command: cmd.AnswerRequest) -> None:
    """Records the answer and does what it says. Raises Refused when somebody was faster."""
    request = open_request(draft, command.request)
    refuse_anothers(draft, request)
    handlers = _LAPSED if is_lapse(request) else _HANDLERS.get(request.kind, {})
    handler = handlers.get(command.decision)
    if handler is None:
        raise Invalid(
            f"{command.decision!r} does not answer a request of kind {request.kind.value}.",
            hint=f"Choose one of: {', '.join(handlers) or 'take over'}.",
        )
    if command.scope not in SCOPES:
        raise Invalid(f"{command.scope!r} is no scope.", hint=f"Choose one of: {', '.join(SCOPES)}.")
    draft.add(
        ev.RequestAnswered(
            agent=request.agent,
            request=request.id,
            decision=command.decision,
            by=draft.actor,
            text=command.text,
            scope=command.scope,
        )
    )
    handler(draft, request, command)


def _approve(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    _release(draft, request.agent, request.call, "")
    if command.scope == "tool":
        draft.add(ev.ToolAllowed(agent=request.agent, tool=request.tool))
        _release_others(draft, request, command, only_agent=True)
    elif command.scope == "group":
        draft.add(ev.PolicySet(request.tool, Policy.ALLOW))
        _release_others(draft, request, command, only_agent=False)


def _release(draft: Draft, agent_id: str, call_id: str, arguments: str) -> None:
    agent = draft.agent(agent_id)
    if _is_stopping(agent):
        hint = "Answer again in a moment."
        refuse("alone", agent, f"{agent.name}'s old driver is not proved to have stopped yet.", hint)
    draft.add(ev.CallReleased(agent=agent_id, call=call_id, arguments=arguments))
    call = agent.call(call_id)
    if call is not None and call.name in GROUP_TOOLS:
        run_group_tool(draft, agent_id, call_id, call.name, arguments or call.arguments)
        boundary(draft, agent_id)
    elif agent.seat:
        draft.then(fx.Release(agent_id, call_id, arguments))


def _is_stopping(agent: Agent) -> bool:
    """Whether a call that is released now could still reach the driver that is being stopped."""
    return agent.seat not in (0, agent.epoch)


def _run_again(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    call = draft.agent(request.agent).call(request.call)
    _release(draft, request.agent, request.call, call.arguments if call else "")  # what a person edited stays edited


def _release_others(draft: Draft, answered: Request, command: cmd.AnswerRequest, *, only_agent: bool) -> None:
    """The wider scope also answers what already waits for the same leave, but for what another person has."""
    for other in list(draft.group.requests.values()):
        same = other.kind is RequestKind.APPROVAL and other.tool == answered.tool
        same = same and not is_anothers(other, draft.actor)
        if same and (other.agent == answered.agent or not only_agent) and not _is_stopping(draft.agent(other.agent)):
            draft.add(
                ev.RequestAnswered(
                    agent=other.agent,
                    request=other.id,
                    decision="approve",
                    by=draft.actor,
                    scope=command.scope,
                )
            )
            _release(draft, other.agent, other.call, "")


def _edit(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.arguments:
        raise Invalid("The edited arguments are missing.", hint="Send the whole arguments object.")
    _release(draft, request.agent, request.call, command.arguments)


def _deny(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    _close(draft, request, Fate.DENIED, command.text or "A person denied this call.")


def _supply(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    _close(draft, request, Fate.DONE, command.text)


def _leave(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    told = "Whether this took effect is not known; its process was lost. Look before you do it again."
    _close(draft, request, Fate.UNKNOWN, command.text or told)


def _close(draft: Draft, request: Request, fate: Fate, content: str) -> None:
    close_call(draft, request.agent, request.call, fate, content, by=draft.actor)
    boundary(draft, request.agent)


def _retry(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    agent = draft.agent(request.agent)
    if command.text.strip():
        queue_words(draft, agent.id, command.text, draft.actor)
    draft.add(ev.AgentUnheld(agent=agent.id))
    if not agent.seat:
        seat_again(draft, agent)
    else:
        boundary(draft, agent.id)


def _reassign(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.member:
        raise Invalid("The new driver is missing.", hint="Name a member.")
    reassign(draft, cmd.Reassign(agent=request.agent, to=command.member, reason=command.text, record=command.record))


def _fail(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    end_failed(draft, draft.agent(request.agent), command.text or "a person ended it after a stall")


def _resume(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    resume_agent(draft, cmd.ResumeAgent(agent=request.agent, epoch=command.epoch, record=command.record))


def _take_over(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    take_over(draft, cmd.TakeOver(agent=request.agent, lease_ms=command.lease_ms))


def _cancel(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    cancel_agent(draft, cmd.CancelAgent(agent=request.agent))


def _accept(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    accept_work(draft, request.agent)


def _reject(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.text:
        raise Invalid("The reasons are missing.", hint="Say what must change.")
    send_back(draft, request.agent, command.text, draft.actor)


def _raise(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    limits = draft.group.limits
    field = request.tool
    present = getattr(limits, field)
    amount = command.amount or present * 0.5
    if not (math.isfinite(amount) and amount > 0):
        raise Invalid("The amount must be above zero.", hint=f"Say by how much to raise {field}.")
    raised = present + amount if isinstance(present, float) else present + max(1, int(amount))
    change_limits(draft, cmd.ChangeLimits(replace(limits, **{field: raised})))


def change_limits(draft: Draft, command: cmd.ChangeLimits) -> None:
    """Moves limits and lets those go on who waited for it."""
    _check_limits(command.limits)
    draft.add(ev.LimitsChanged(command.limits))
    for agent in list(draft.group.agents.values()):
        if agent.hold is WaitReason.BUDGET and agent.status is AgentStatus.WAITING:
            draft.add(ev.AgentUnheld(agent=agent.id))
            boundary(draft, agent.id)
    for request in list(draft.group.requests.values()):
        if request.kind is RequestKind.BUDGET and not _held(draft):
            draft.add(ev.RequestWithdrawn(agent=request.agent, request=request.id))


def _held(draft: Draft) -> bool:
    return any(agent.hold is WaitReason.BUDGET for agent in draft.group.agents.values())


def _check_limits(limits: Limits) -> None:
    if limits.max_live < 1 or limits.max_steps < 1 or limits.agent_steps < 1:
        raise Invalid("max_live, max_steps and agent_steps must be at least 1.")
    if not all(math.isfinite(b) and b >= 0 for b in (limits.budget_usd, limits.budget_tokens, limits.hours)):
        raise Invalid("Budgets must be numbers that are not negative; 0 means no limit.")


def _end_group(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    cancel_group(draft, cmd.CancelGroup())


def _answer(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.text:
        raise Invalid("The answer is empty.", hint="Write at least a word.")
    _supply(draft, request, command)


_HANDLERS: dict[RequestKind, dict[str, Handler]] = {
    RequestKind.APPROVAL: {"approve": _approve, "edit": _edit, "supply": _supply, "deny": _deny},
    RequestKind.QUESTION: {"answer": _answer},
    RequestKind.REVIEW: {"accept": _accept, "reject": _reject},
    RequestKind.STALL: {"retry": _retry, "reassign": _reassign, "fail": _fail},
    RequestKind.BUDGET: {"raise": _raise, "fail": _end_group},
    RequestKind.UNKNOWN_FATE: {"run_again": _run_again, "leave": _leave, "supply": _supply},
    RequestKind.TASK: {},
}
_LAPSED: dict[str, Handler] = {"resume": _resume, "take_over": _take_over, "reassign": _reassign, "fail": _cancel}
