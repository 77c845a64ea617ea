"""What the list conductor writes down, whatever the tasks and the answers hold; and how it finds answers again."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawgroups.programs.list_conductor import title_of
from clawgroups.programs.list_report import Row, as_csv, as_json, markdown


def rows_of(text: str, heading: str) -> list[str]:
    return text.split(f"\n## {heading}\n\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]


@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_no_task_and_no_answer_breaks_out_of_its_cell(task: str, words: str) -> None:
    text = markdown([Row(1, task, False, words), Row(2, words or "x", True, task)])
    for heading, columns, count in (("Not done", 3, 1), ("All tasks", 4, 2)):
        rows = rows_of(text, heading)
        assert len(rows) == count
        assert {len(re.split(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {columns + 2}
        assert "<" not in "".join(rows)


def test_failures_are_named_first_and_counted() -> None:
    rows = [Row(1, "Check a.html", True, "fine"), Row(2, "Check b.html", False, "It is not there.")]
    text = markdown(rows)
    assert "1 of 2 tasks are done, each by a sub-agent. 1 could not be done" in text
    assert rows_of(text, "Not done") == ["| 2 | Check b.html | It is not there. |"]
    assert rows_of(text, "All tasks")[1] == "| 2 | Check b.html | not done | It is not there. |"
    assert text.index("## Not done") < text.index("## All tasks")
    assert json.loads(as_json(rows))["tasks"][1] == {
        "number": 2, "task": "Check b.html", "done": False, "result": "It is not there.",
    }  # fmt: skip


def test_where_all_is_done_nothing_is_said_of_failures() -> None:
    assert "Not done" not in markdown([Row(1, "a", True, "b")])
    assert "1 of 1 task is done" in markdown([Row(1, "a", True, "b")])


def test_formulas_in_a_csv_are_defused() -> None:
    cells = list(csv.reader(io.StringIO(as_csv([Row(1, '=HYPERLINK("x")', True, "+1")]))))
    assert cells[1] == ["1", '\'=HYPERLINK("x")', "done", "'+1"]


@pytest.mark.parametrize(
    ("line", "title"),
    [("a\tb\u202ec", "7. a b c"), ("x" * 300, "7. " + "x" * 97), ("12. of something", "7. 12. of something")],
)
def test_a_title_begins_with_the_lines_number_and_is_one_short_line(line: str, title: str) -> None:
    assert title_of(7, line) == title
