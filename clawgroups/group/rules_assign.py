"""Rules for who has a request: a person takes it, gives it to another, or lets it go. Only they answer it meanwhile."""

from __future__ import annotations

from clawgroups.errors import Invalid, Refused
from clawgroups.group import commands as cmd
from clawgroups.group import events as ev
from clawgroups.group.draft import Draft
from clawgroups.group.members import MemberKind
from clawgroups.group.state import Request


def open_request(draft: Draft, request_id: str) -> Request:
    """The request, while it is live. Raises Refused when it is not."""
    request = draft.group.requests.get(request_id)
    if request is None:
        raise Refused(
            "answered_once",
            "closed",
            f"Request {request_id} is no longer open.",
            hint="Somebody answered it, or what asked has gone on.",
        )
    if draft.member(draft.actor).kind is not MemberKind.PERSON:
        raise Refused("person", request.kind.value, "Only a person can answer.")
    return request


def assign(draft: Draft, command: cmd.AssignRequest) -> None:
    """Gives it to a person or to nobody. Raises Refused when it is not with whom the sender believes."""
    request = open_request(draft, command.request)
    as_believed = command.was in (None, request.assigned)
    if not command.to:
        if as_believed:  # else who lets it go has it no more, which is what they want
            let_go(draft, request)
        return
    if not as_believed:
        raise _refusal(draft, request, "Take it, if you want to answer it.")
    to = draft.member(command.to)
    if to.kind is not MemberKind.PERSON:
        raise Invalid(f"{to.name} is not a person.", hint="Name a person: only people answer requests.", field="to")
    if to.id != request.assigned:
        draft.add(ev.RequestAssigned(agent=request.agent, request=request.id, to=to.id))


def let_go(draft: Draft, request: Request) -> None:
    """Nobody has it any more."""
    if request.assigned:
        draft.add(ev.RequestLetGo(agent=request.agent, request=request.id))


def is_anothers(request: Request, person: str) -> bool:
    """Whether somebody else than ``person`` has it."""
    return request.assigned not in ("", person)


def refuse_anothers(draft: Draft, request: Request) -> None:
    """Raises Refused when somebody else than the actor has it."""
    if is_anothers(request, draft.member(draft.actor).id):
        raise _refusal(draft, request, "Take it first; then it is yours to answer.")


def _refusal(draft: Draft, request: Request, hint: str) -> Refused:
    now = draft.agent(request.agent).status.value
    if not request.assigned:
        return Refused("assigned", now, "Nobody has this request any more.", hint="Read it again.")
    member = draft.group.members.get(request.assigned)
    who, since = member.name if member else request.assigned, _span(draft.at - request.assigned_at)
    return Refused("assigned", now, f"This request has been with {who} for {since}.", hint=hint)


def _span(ms: int) -> str:
    for size, unit in ((3_600_000, "h"), (60_000, "min")):
        if ms >= size:
            return f"{ms // size} {unit}"
    return f"{max(ms, 0) // 1_000} s"
