"""docs/states.md says what the tables say, and every rule that refuses is explained in it."""

from __future__ import annotations

from clawgroups.group.refusals import RULES
from clawgroups.group.state import ENDED, AgentStatus
from clawgroups.group.transitions import TABLE
from scripts.state_diagram import FILE, document, sentences


def test_the_page_about_states_is_what_the_tables_make() -> None:
    assert FILE.read_text() == document(), "run `python scripts/state_diagram.py`"


def test_every_rule_that_refuses_is_explained_and_no_other() -> None:
    said = sentences()
    assert set(said) == set(RULES)
    assert all(text.strip() for texts in said.values() for text in texts)


def test_nothing_leads_out_of_an_end() -> None:
    for event, rows in TABLE.items():
        for source, targets in rows.items():
            assert source not in ENDED or targets == {source}, f"{event.__name__} leaves {source}"


def test_every_state_can_be_reached_and_left_unless_it_is_an_end() -> None:
    moves = {(source, target) for rows in TABLE.values() for source, targets in rows.items() for target in targets}
    for status in AgentStatus:
        reached = any(target is status and source is not status for source, target in moves)
        left = any(source is status and target is not status for source, target in moves)
        assert reached or status is AgentStatus.QUEUED
        assert left == (status not in ENDED)
