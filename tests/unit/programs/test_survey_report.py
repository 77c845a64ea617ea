"""The survey's report is made from what workers say, and a worker may be a model that says anything."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clawgroups.programs.cells import shortened
from clawgroups.programs.stdio import Conversation
from clawgroups.programs.survey_conductor import chosen
from clawgroups.programs.survey_report import as_csv, as_json, markdown, parse_answer

GOOD = {
    "path": "a.py", "language": "Python", "bytes": 10, "lines": 3, "blank": 0, "marks": [], "headings": [],
    "longest_line": {"line": 1, "length": 5}, "function_count": 1, "class_count": 0, "imports": ["os.path", "re"],
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def rows_of(text: str, heading: str) -> list[str]:
    return text.split(f"\n## {heading}\n\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {"path": st.just("p"), "lines": JSON}, optional={name: JSON for name in GOOD.keys() - {"path", "lines"}}
    )
)
def test_whatever_a_worker_claims_the_report_can_be_written(claim: dict[str, Any]) -> None:
    words, measures = parse_answer("Words.\n" + json.dumps(claim))
    assert words == "Words."
    assert measures is not None
    text = markdown("source", [(words, measures)], [], 0)
    assert len(rows_of(text, "All files")) == 1
    assert as_csv([(words, measures)]).count("\n") >= 2
    json.loads(as_json("source", [(words, measures)], []))


@pytest.mark.parametrize(
    "answer", ["", "only words", "x\n5", "x\n[]", 'x\n{"no": "path"}', 'x\n{"path": 5}', "x\n" + "[" * 100_000]
)
def test_an_answer_without_measures_is_all_words(answer: str) -> None:
    assert parse_answer(answer) == (answer.strip(), None)


@settings(max_examples=300)
@example("## Largest files", "")
@given(st.text(min_size=1, max_size=40), st.text(max_size=60))
def test_no_name_or_text_breaks_out_of_its_cell(path: str, words: str) -> None:
    measures = {**GOOD, "path": path, "language": words, "marks": [{"line": 1, "mark": "TODO", "text": words}]}
    text = markdown(path, [(words, measures)], [(path, words)], 0)
    for heading, columns in (("All files", 6), ("Open marks", 3), ("Largest files", 3), ("Not surveyed", 2)):
        rows = rows_of(text, heading)
        assert len(rows) == 1
        assert len(re.split(r"(?<!\\)(?:\\\\)*\|", rows[0])) == columns + 2
        assert "<" not in rows[0]


def test_the_tables_count_rightly() -> None:
    rows = [
        ("", {**GOOD, "path": f"f{n}", "lines": n, "language": "Python" if n % 2 else "Text"}) for n in range(1, 21)
    ]
    text = markdown("x", rows, [], 0)
    assert rows_of(text, "Languages") == ["| Text | 10 | 110 |", "| Python | 10 | 100 |"]
    assert rows_of(text, "Largest files")[0].startswith("| f20 | 20 |")
    assert len(rows_of(text, "Largest files")) == 10
    assert rows_of(text, "Most imported") == ["| os | 20 |", "| re | 20 |"]
    assert "20 files with 210 lines" in text


def test_formulas_in_a_csv_are_defused() -> None:
    assert "\n'=SUM(A1)," in as_csv([("", {**GOOD, "path": "=SUM(A1)"})])


def test_a_listing_is_read_with_odd_names_and_what_was_cut_off() -> None:
    listing = (
        '1\ta.py\n0\tempty\n\tfolder/\n5\tx.PNG\n7\t"new\\nline"\n3\t"bad\\udcff"\nnoise\n(40 more entries; narrow it)'
    )
    assert chosen(listing, 300) == (["a.py", "new\nline"], 43)
    assert chosen(listing, 1) == (["a.py"], 44)


def test_results_belong_to_their_calls_whatever_stands_between() -> None:
    call = {"id": "1", "name": "t", "arguments": '{"a": 1}'}
    broken = {"id": "2", "name": "t", "arguments": "{"}
    thread = [
        {"role": "assistant", "calls": [call, broken]}, {"role": "user", "content": "hm", "kind": "steer"},
        {"role": "tool", "call_id": "2", "content": "b"}, {"role": "tool", "call_id": "1", "content": "a"},
        {"role": "tool", "call_id": "9", "content": "c"},
    ]  # fmt: skip
    conversation = Conversation({"task": "x", "thread": thread})
    assert [(arguments, entry["content"]) for arguments, entry in conversation.results("t")] == [
        ({}, "b"),
        ({"a": 1}, "a"),
    ]
    assert not conversation.people_at_work()
    assert conversation.waits_for_reply()


@given(st.text(max_size=80), st.integers(2, 40))
def test_a_cut_is_never_longer_than_it_may_be_and_keeps_what_fits(text: str, width: int) -> None:
    cut = shortened(text, width)
    assert len(cut) <= width
    assert (cut == text) == (len(text) <= width)
    assert cut == text or text.startswith(cut[:-1])


def test_a_cut_falls_behind_a_word_and_only_into_one_that_is_too_long_for_all() -> None:
    assert shortened("one two three", 10) == "one two…"
    assert shortened("one two three", 8) == "one two…"
    assert shortened("a" * 20, 10) == "a" * 9 + "…"


def test_a_row_is_cut_behind_a_word() -> None:
    _, measures = parse_answer("x\n" + json.dumps(GOOD))
    assert measures is not None
    row = rows_of(markdown("source", [("some words " * 80, measures)], [], 0), "All files")[0]
    assert row.endswith(("some… |", "words… |"))
