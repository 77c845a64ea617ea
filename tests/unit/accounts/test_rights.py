"""The table of rights: every command is in it, each role may do exactly what is promised, a refusal says who could."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clawgroups.dispatcher.accounts.rights import (
    ABOUT,
    DEEDS,
    NEEDS,
    ORDER,
    WORDS,
    Role,
    amounts_to,
    check,
    check_deed,
    least_of,
    needs_of_answers,
)
from clawgroups.dispatcher.views import HOUSE
from clawgroups.errors import Forbidden
from clawgroups.group import commands as cmd
from clawgroups.group.rules_requests import _HANDLERS, _LAPSED, SCOPES
from clawgroups.group.state import RequestKind
from clawgroups.ledger.accounts import Account

GROUP = "k3f9x2mq"
OPERATOR = {
    cmd.AnswerRequest, cmd.AssignRequest, cmd.SteerAgent, cmd.PostMessage, cmd.PauseAgent, cmd.ResumeAgent,
    cmd.PauseGroup, cmd.ResumeGroup,
}  # fmt: skip
DRIVER = OPERATOR | {
    cmd.TakeOver, cmd.WithdrawTakeOver, cmd.RenewLease, cmd.RecordStep, cmd.HandBack, cmd.Reassign, cmd.ForkAgent,
    cmd.CancelAgent, cmd.CreateAgent, cmd.CreateGroup, cmd.StartGroup, cmd.CancelGroup, cmd.AddMember,
    cmd.RemoveMember, cmd.SetPolicy, cmd.ChangeLimits, cmd.ChangeRules,
}  # fmt: skip
NOBODY = {
    cmd.Launch, cmd.RecordResult, cmd.ReportStopped, cmd.ReportFailure, cmd.LoseSeat, cmd.LapseLease,
    cmd.KeepLateWrite,
}  # fmt: skip
MAY = {Role.VIEWER: set(), Role.OPERATOR: OPERATOR, Role.DRIVER: DRIVER, Role.ADMIN: DRIVER}


def account(name: str, role: Role, disabled_at: int = 0) -> Account:
    return Account(
        id=name.lower(), name=name, sign_in_name=name.lower(), password_hash="x", role=role.value, created_at=1,
        disabled_at=disabled_at,
    )  # fmt: skip


PEOPLE = (
    account("Ada", Role.ADMIN),
    account("Dora", Role.DRIVER),
    account("Otto", Role.OPERATOR),
    account("Vi", Role.VIEWER),
    account("Gone", Role.ADMIN, disabled_at=5),
)


def every_command(base: type[cmd.Command] = cmd.Command) -> Iterator[type[cmd.Command]]:
    for kind in base.__subclasses__():
        if kind is not cmd.AgentCommand:
            yield kind
        yield from every_command(kind)


def may(role: Role | None, kind: type[cmd.Command], group: str = GROUP) -> bool:
    try:
        check(role, kind, group, PEOPLE)
    except Forbidden:
        return False
    return True


def test_every_command_there_is_has_its_least_role() -> None:
    assert set(every_command()) == set(NEEDS)


@pytest.mark.parametrize("role", ORDER)
@pytest.mark.parametrize("kind", sorted(NEEDS, key=lambda kind: kind.__name__))
def test_a_role_may_do_what_is_promised_and_nothing_else(role: Role, kind: type[cmd.Command]) -> None:
    assert may(role, kind) == (kind in MAY[role])


@pytest.mark.parametrize("kind", sorted(NEEDS, key=lambda kind: kind.__name__))
def test_whatever_is_done_to_the_house_needs_an_admin(kind: type[cmd.Command]) -> None:
    assert [may(role, kind, HOUSE) for role in ORDER] == [False, False, False, kind not in NOBODY]


@pytest.mark.parametrize("kind", sorted(NEEDS, key=lambda kind: kind.__name__))
def test_who_has_no_account_may_do_nothing(kind: type[cmd.Command]) -> None:
    assert not may(None, kind)


def test_what_runners_and_the_dispatcher_send_comes_from_no_person() -> None:
    assert {kind for kind in NEEDS if least_of(kind, GROUP) is None} == NOBODY


def test_a_refusal_says_what_one_is_and_names_those_who_could() -> None:
    with pytest.raises(Forbidden) as raised:
        check(Role.VIEWER, cmd.TakeOver, GROUP, PEOPLE)
    assert raised.value.status == 403
    assert raised.value.as_dict() == {
        "code": "forbidden",
        "sentence": "As a viewer you may not take over.",
        "hint": "It needs a driver: ask Ada, Dora.",
    }
    with pytest.raises(Forbidden, match="As an operator you may not change the members") as raised:
        check(Role.OPERATOR, cmd.AddMember, HOUSE, PEOPLE)
    assert raised.value.hint == "It needs an admin: ask Ada."
    with pytest.raises(Forbidden, match="Only people with an account"):
        check(None, cmd.TakeOver, GROUP, PEOPLE)


def test_no_more_than_five_are_named() -> None:
    many = [account(f"Driver{number}", Role.DRIVER) for number in range(9)]
    with pytest.raises(Forbidden) as raised:
        check(Role.VIEWER, cmd.TakeOver, GROUP, many)
    assert raised.value.hint == "It needs a driver: ask Driver0, Driver1, Driver2, Driver3, Driver4 and others."


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("kind", "decision"),
    [(kind, one) for kind, found in (*_HANDLERS.items(), (RequestKind.STALL, _LAPSED)) for one in found],
)
def test_an_answer_that_does_what_a_command_does_needs_the_right_to_that_command(
    kind: RequestKind, decision: str, scope: str
) -> None:
    amounts = {
        (RequestKind.STALL, "reassign"): cmd.Reassign,
        (RequestKind.STALL, "take_over"): cmd.TakeOver,
        (RequestKind.STALL, "fail"): cmd.CancelAgent,
        (RequestKind.BUDGET, "raise"): cmd.ChangeLimits,
        (RequestKind.BUDGET, "fail"): cmd.CancelGroup,
    } | ({(RequestKind.APPROVAL, "approve"): cmd.SetPolicy} if scope == "group" else {})
    wanted = amounts.get((kind, decision))
    assert amounts_to(kind, decision, scope) is wanted
    told = needs_of_answers().get(f"answer:{kind.value}:{decision}{':group' if scope == 'group' else ''}")
    if wanted is None or kind is RequestKind.APPROVAL or scope != "group":
        assert told == (Role.DRIVER.value if wanted else None), "pages are told the same"


@pytest.mark.parametrize(("deed", "least"), DEEDS.items())
def test_deeds_that_are_no_commands_have_a_least_role_too(deed: str, least: Role) -> None:
    for role in ORDER:
        if ORDER.index(role) >= ORDER.index(least):
            check_deed(role, deed, PEOPLE)
        else:
            with pytest.raises(Forbidden):
                check_deed(role, deed, PEOPLE)


def test_every_right_and_role_has_words() -> None:
    assert set(ABOUT) == set(ORDER)
    assert set(WORDS) == {kind for kind, least in NEEDS.items() if least is not None}
