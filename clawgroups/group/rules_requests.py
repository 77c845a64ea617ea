"""Rules for answers. A request is answered once, while it is live; the second answer is refused."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from clawgroups.errors import Invalid, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.boundary import boundary, close_call, end_done, end_failed
from clawgroups.group.draft import Draft
from clawgroups.group.members import MemberKind
from clawgroups.group.rules_group import cancel_group
from clawgroups.group.rules_wheel import reassign
from clawgroups.group.state import AgentStatus, Fate, Limits, Request, RequestKind, WaitReason
from clawgroups.group.tools import Policy

Handler = Callable[[Draft, Request, cmd.AnswerRequest], None]


def answer(draft: Draft, command: cmd.AnswerRequest) -> None:
    """Records the answer and does what it says. Raises Refused when somebody was faster."""
    request = draft.group.requests.get(command.request)
    if request is None:
        raise Refused(
            "answered_once",
            "closed",
            f"Request {command.request} is no longer open.",
            hint="Somebody answered it, or what asked has gone on.",
        )
    if draft.member(draft.actor).kind is not MemberKind.PERSON:
        raise Refused("person", request.kind.value, "Only a person can answer.")
    handlers = _HANDLERS.get(request.kind, {})
    handler = handlers.get(command.decision)
    if handler is None:
        raise Invalid(
            f"{command.decision!r} does not answer a request of kind {request.kind.value}.",
            hint=f"Choose one of: {', '.join(handlers) or 'take over'}.",
        )
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
    draft.add(ev.CallReleased(agent=agent_id, call=call_id, arguments=arguments))
    if draft.agent(agent_id).seat:
        draft.then(fx.Release(agent_id, call_id, arguments))


def _release_others(draft: Draft, answered: Request, command: cmd.AnswerRequest, *, only_agent: bool) -> None:
    """The wider scope also answers what already waits for the same leave."""
    for other in list(draft.group.requests.values()):
        same = other.kind is RequestKind.APPROVAL and other.tool == answered.tool
        if same and (other.agent == answered.agent or not only_agent):
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
    draft.add(ev.AgentRequeued(agent=request.agent))


def _reassign(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.member:
        raise Invalid("The new driver is missing.", hint="Name a member.")
    reassign(draft, cmd.Reassign(agent=request.agent, to=command.member, reason=command.text))


def _fail(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    end_failed(draft, draft.agent(request.agent), command.text or "a person ended it after a stall")


def _accept(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    draft.add(ev.AgentUnheld(agent=request.agent))
    end_done(draft, draft.agent(request.agent))


def _reject(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    if not command.text:
        raise Invalid("The reasons are missing.", hint="Say what must change.")
    steer_id = f"{draft.group.id}-s{draft.group.steers_made + 1}"
    text = f"Your result was not accepted:\n{command.text}"
    draft.add(ev.SteerQueued(agent=request.agent, id=steer_id, text=text, by=draft.actor))
    draft.add(ev.AgentUnheld(agent=request.agent))
    boundary(draft, request.agent)


def _raise(draft: Draft, request: Request, command: cmd.AnswerRequest) -> None:
    limits = draft.group.limits
    field = request.tool
    present = getattr(limits, field)
    amount = command.amount or present * 0.5
    if amount <= 0:
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
    if limits.budget_usd < 0 or limits.budget_tokens < 0 or limits.hours < 0:
        raise Invalid("Budgets cannot be negative; 0 means no limit.")


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
    RequestKind.UNKNOWN_FATE: {"run_again": _approve, "leave": _leave, "supply": _supply},
    RequestKind.TASK: {},
}
