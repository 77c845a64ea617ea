"""What is at stake with a request: graded by its kind and by what its tool says of itself, and told in words."""

from __future__ import annotations

import itertools

import pytest

from clawgroups.dispatcher.risk import Risk, risk_of
from clawgroups.group.rules_lease import LAPSE
from clawgroups.group.state import RequestKind
from clawgroups.group.tools import ToolSpec


def spec(**says: bool) -> ToolSpec:
    return ToolSpec(name="tool", description="", parameters={}, **says)


def approval(*, safe: bool = True, **says: bool) -> Risk:
    return risk_of(RequestKind.APPROVAL, "tool", spec(**says), safe=safe)


def test_what_only_reads_is_the_least_and_each_thing_more_is_graver() -> None:
    order = [
        approval(),
        approval(writes=True),
        approval(writes=True, safe=False),
        approval(writes=True, runs=True, safe=False),
        approval(writes=True, runs=True, outside=True, safe=False),
    ]
    assert [risk.weight for risk in order] == sorted({risk.weight for risk in order}), "each above the one before"
    assert order[0] == Risk(1.0, ("only reads",))
    assert order[1].words == ("changes files",)
    assert order[2].words == ("changes files", "not safe to repeat")
    assert order[3].words == ("runs a command", "not safe to repeat")
    assert order[4].words == ("runs a command", "reaches outside", "not safe to repeat")


def test_nothing_that_a_tool_says_of_itself_makes_it_less_grave() -> None:
    parts = ("writes", "runs", "outside")
    for said in itertools.product((False, True), repeat=3):
        before = dict(zip(parts, said, strict=True))
        for part in parts:
            after = approval(**{**before, part: True})
            assert after.weight >= approval(**before).weight
        assert approval(safe=False, **before).weight > approval(**before).weight


def test_a_tool_that_nobody_here_knows_is_not_taken_for_harmless() -> None:
    unknown = risk_of(RequestKind.APPROVAL, "made_up", None, safe=False)
    assert unknown.weight > approval(writes=True, safe=False).weight
    assert unknown.words == ("nobody knows what it does",)
    assert risk_of(RequestKind.APPROVAL, "assign_task", None, safe=False).words == ("not safe to repeat",)


@pytest.mark.parametrize("says", [{}, {"writes": True}, {"runs": True, "outside": True}])
def test_an_unclear_end_is_graver_than_the_same_call_before_it_ran(says: dict[str, bool]) -> None:
    unclear = risk_of(RequestKind.UNKNOWN_FATE, "tool", spec(**says), safe=False)
    assert unclear.weight > approval(safe=False, **says).weight
    assert unclear.words[0] == "it may have taken effect already"


def test_other_requests_are_graded_by_their_kind() -> None:
    kinds = (RequestKind.REVIEW, RequestKind.QUESTION, RequestKind.STALL, RequestKind.BUDGET)
    found = [risk_of(kind, "", None, safe=False) for kind in kinds]
    assert [risk.weight for risk in found] == sorted(risk.weight for risk in found)
    assert found[2].words == ("something failed, or does not go on",)
    assert risk_of(RequestKind.STALL, LAPSE, None, safe=False).words == ("a person went away from its wheel",)
    assert found[3].as_dict() == {"weight": 3.0, "words": "a limit is reached"}
    assert all(risk_of(kind, "", None, safe=False).words for kind in RequestKind), "every kind has words"
