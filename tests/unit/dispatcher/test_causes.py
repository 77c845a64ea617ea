"""What asks the very same has the same cause, whoever asks; the rate of a request does not change while it waits."""

from __future__ import annotations

import pytest

from clawgroups.dispatcher.requests import cause_of

ASKED = {
    "id": "g-r1", "kind": "approval", "tool": "write_file", "title": "worker-002 wants to run write_file.",
    "detail": "", "arguments": '{"path": "a", "content": "b"}',
}  # fmt: skip


def test_the_name_of_who_asks_and_the_order_of_arguments_make_no_difference() -> None:
    other = {
        **ASKED, "id": "g-r9", "title": "worker-017 wants to run write_file.",
        "arguments": '{"content":"b","path":"a"}',
    }  # fmt: skip
    assert cause_of(ASKED, "worker-002") == cause_of(other, "worker-017")


@pytest.mark.parametrize(
    "change",
    [{"kind": "unknown_fate"}, {"tool": "run"}, {"arguments": '{"path": "a", "content": "c"}'},
     {"arguments": "no JSON"}, {"detail": "Another question."}, {"title": "worker-002 cannot go on: no key"}],
)  # fmt: skip
def test_another_kind_tool_argument_question_or_reason_is_another_cause(change: dict[str, str]) -> None:
    assert cause_of({**ASKED, **change}, "worker-002") != cause_of(ASKED, "worker-002")


def test_each_review_is_about_a_work_of_its_own() -> None:
    first, second = ({**ASKED, "kind": "review", "id": f"g-r{n}", "detail": "done"} for n in (1, 2))
    assert cause_of(first, "worker-002") != cause_of(second, "worker-002")


def test_words_that_no_encoding_can_hold_have_a_cause() -> None:
    assert cause_of({**ASKED, "arguments": "half a pair \ud800"}, "worker-002")
