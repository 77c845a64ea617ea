"""Who may do what: for every command the least role that may send it. One table, checked before the rules are asked.

The rules in ``group/`` know no roles: they say what is possible, this says by whom.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from clawgroups.dispatcher.views import HOUSE
from clawgroups.errors import Forbidden
from clawgroups.group import commands as cmd
from clawgroups.group.state import RequestKind
from clawgroups.ledger.accounts import Account


class Role(StrEnum):
    """From the least to the most; each may do all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    DRIVER = "driver"
    ADMIN = "admin"


ORDER = tuple(Role)
ABOUT = {
    Role.VIEWER: "watches, and changes nothing",
    Role.OPERATOR: "also answers requests, approves, steers, pauses and resumes",
    Role.DRIVER: "also takes over, hands back, reassigns, writes turns, and makes, starts and stops groups",
    Role.ADMIN: "also changes members, accounts and the wheel of others",
}

NEEDS: dict[type[cmd.Command], Role | None] = {
    cmd.CreateGroup: Role.DRIVER,
    cmd.StartGroup: Role.DRIVER,
    cmd.PauseGroup: Role.OPERATOR,
    cmd.ResumeGroup: Role.OPERATOR,
    cmd.CancelGroup: Role.DRIVER,
    cmd.AddMember: Role.DRIVER,  # of the house, into a group; for the house itself see ``check``
    cmd.RemoveMember: Role.DRIVER,
    cmd.SetPolicy: Role.DRIVER,
    cmd.ChangeLimits: Role.DRIVER,
    cmd.ChangeRules: Role.DRIVER,
    cmd.PostMessage: Role.OPERATOR,
    cmd.CreateAgent: Role.DRIVER,
    cmd.TakeOver: Role.DRIVER,
    cmd.WithdrawTakeOver: Role.DRIVER,
    cmd.RenewLease: Role.DRIVER,
    cmd.RecordStep: Role.DRIVER,
    cmd.HandBack: Role.DRIVER,
    cmd.Reassign: Role.DRIVER,
    cmd.ForkAgent: Role.DRIVER,
    cmd.CancelAgent: Role.DRIVER,
    cmd.SteerAgent: Role.OPERATOR,
    cmd.PauseAgent: Role.OPERATOR,
    cmd.ResumeAgent: Role.OPERATOR,
    cmd.AnswerRequest: Role.OPERATOR,
    cmd.AssignRequest: Role.OPERATOR,
    # None: only the dispatcher itself and the runners send these, and never by way of a person.
    cmd.Launch: None,
    cmd.RecordResult: None,
    cmd.ReportStopped: None,
    cmd.ReportFailure: None,
    cmd.LoseSeat: None,
    cmd.LapseLease: None,
    cmd.KeepLateWrite: None,
}

ANSWERS: dict[tuple[RequestKind, str], type[cmd.Command]] = {
    (RequestKind.STALL, "reassign"): cmd.Reassign,
    (RequestKind.STALL, "take_over"): cmd.TakeOver,
    (RequestKind.STALL, "fail"): cmd.CancelAgent,
    (RequestKind.BUDGET, "raise"): cmd.ChangeLimits,
    (RequestKind.BUDGET, "fail"): cmd.CancelGroup,
}
"""Answers that do what a command of their own does: whoever gives one may do that, too."""

WORDS: dict[type[cmd.Command], str] = {
    cmd.CreateGroup: "make a group",
    cmd.StartGroup: "start a group",
    cmd.PauseGroup: "pause a group",
    cmd.ResumeGroup: "let a group go on",
    cmd.CancelGroup: "stop a group",
    cmd.AddMember: "bring a member into a group",
    cmd.RemoveMember: "take a member out of a group",
    cmd.SetPolicy: "change what tools may do",
    cmd.ChangeLimits: "move limits",
    cmd.ChangeRules: "change the standing rules",
    cmd.PostMessage: "say something in the room",
    cmd.CreateAgent: "make a sub-agent",
    cmd.TakeOver: "take over",
    cmd.WithdrawTakeOver: "withdraw a take-over",
    cmd.RenewLease: "hold the wheel",
    cmd.RecordStep: "work in a sub-agent's place",
    cmd.HandBack: "hand back",
    cmd.Reassign: "reassign",
    cmd.ForkAgent: "fork a sub-agent",
    cmd.CancelAgent: "end a sub-agent",
    cmd.SteerAgent: "steer",
    cmd.PauseAgent: "pause a sub-agent",
    cmd.ResumeAgent: "let a sub-agent go on",
    cmd.AnswerRequest: "answer a request",
    cmd.AssignRequest: "take or assign a request",
}

DEEDS: dict[str, Role] = {
    "members": Role.ADMIN,
    "accounts": Role.ADMIN,
    "settings": Role.ADMIN,
    "test": Role.DRIVER,  # it asks the member's endpoint, which may cost money
    "offers": Role.DRIVER,  # it makes the runner knock at ports
    "folders": Role.DRIVER,  # it tells what lies on the server's disk
}
_DEED_WORDS = {
    "members": "change the members",
    "accounts": "change accounts",
    "settings": "change the settings of the house",
    "test": "test a member",
    "offers": "look for model servers",
    "folders": "look into folders",
}


def reaches(role: Role, least: Role) -> bool:
    """Whether ``role`` may do what ``least`` may."""
    return ORDER.index(role) >= ORDER.index(least)


def least_of(kind: type[cmd.Command], group_id: str) -> Role | None:
    """The least role for a command; None where no person may send it. Whatever is done to the house needs an admin."""
    least = NEEDS.get(kind)
    return Role.ADMIN if least is not None and group_id == HOUSE else least


def amounts_to(kind: RequestKind, decision: str, scope: str) -> type[cmd.Command] | None:
    """The command that such an answer does the same as; None for one that only answers."""
    if (kind, decision, scope) == (RequestKind.APPROVAL, "approve", "group"):
        return cmd.SetPolicy
    return ANSWERS.get((kind, decision))


def needs_of_answers() -> dict[str, str]:
    """For pages: the least role of every answer that needs more than answering does."""
    wider = {"approval:approve:group": cmd.SetPolicy}
    all_of_them = wider | {f"{kind.value}:{decision}": command for (kind, decision), command in ANSWERS.items()}
    return {f"answer:{name}": least.value for name, command in all_of_them.items() if (least := NEEDS[command])}


def check(role: Role | None, kind: type[cmd.Command], group_id: str, accounts: Iterable[Account]) -> None:
    """Raises Forbidden. ``role`` None: the actor has no account; ``accounts``: who else could do it."""
    least = least_of(kind, group_id)
    if least is None or role is None or not reaches(role, least):
        what = "change the members" if group_id == HOUSE else WORDS.get(kind, "change this")
        raise refusal(role, what, least, accounts)


def check_deed(role: Role | None, deed: str, accounts: Iterable[Account]) -> None:
    """The same for what is no command."""
    if role is None or not reaches(role, DEEDS[deed]):
        raise refusal(role, _DEED_WORDS[deed], DEEDS[deed], accounts)


def refusal(role: Role | None, what: str, least: Role | None, accounts: Iterable[Account]) -> Forbidden:
    """The words of a refusal: what one is, and who could do it."""
    if least is None:
        return Forbidden("Nobody may send this: it is a matter between the server and its runners.", hint="Leave it.")
    who = f"As {_a(role)} you may not {what}." if role else f"Only people with an account may {what} here."
    able = sorted(one.name for one in accounts if not one.disabled_at and reaches(Role(one.role), least))
    names = ", ".join(able[:5]) + (" and others" if len(able) > 5 else "")
    return Forbidden(who, hint=f"It needs {_a(least)}" + (f": ask {names}." if names else "."))


def _a(role: Role) -> str:
    return f"{'an' if role.value[0] in 'ao' else 'a'} {role.value}"
