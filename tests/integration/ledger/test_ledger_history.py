"""The history on each database: every filter, the order, the pages, and what a run says of itself."""

from __future__ import annotations

import pytest
from search_rig import NOW, found, indexed, seeded

from clawgroups.errors import Invalid
from clawgroups.ledger.history import Filters, History
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.search_words import parse
from clawgroups.testing.played_group import PlayedGroup
from clawgroups.testing.seed import created
from clawgroups.testing.seed_words import Told

DAY = 86_400_000
ALL = ["seeddraft", "seedbusy", "seedpaused", *(f"seedend{n}" for n in range(6, 0, -1))]


@pytest.mark.parametrize(
    ("filters", "groups"),
    [
        ({}, ALL),
        ({"states": ("running",)}, ["seedbusy"]),
        ({"states": ("draft", "cancelled")}, ["seeddraft", "seedend4"]),
        ({"member": "qwen"}, [id for id in ALL if id not in ("seeddraft", "seedpaused")]),
        ({"member": "kimi"}, [id for id in ALL if id != "seeddraft"]),
        ({"member": "nobody"}, []),
        ({"tool": "write_file"}, ["seedend5", "seedend3", "seedend1"]),
        ({"tool": "run_command"}, ["seedbusy"]),
        ({"person": "pat"}, ["seedbusy", "seedend6", "seedend3"]),
        ({"person": "ann"}, ["seedbusy", "seedend5", "seedend3", "seedend1"]),
        ({"person": "ann", "did": "took_over"}, ["seedbusy"]),
        ({"person": "pat", "did": "answered"}, []),
        ({"after": NOW - 8 * DAY}, ["seeddraft", "seedbusy", "seedpaused", "seedend6"]),
        ({"before": NOW - 20 * DAY}, ["seedend2", "seedend1"]),
        ({"after": NOW - 20 * DAY, "before": NOW - 12 * DAY}, ["seedend4", "seedend3"]),
        ({"cost_from": 1.0, "cost_to": 2.5}, ["seedend5"]),
        ({"cost_to": 0.0}, ["seeddraft"]),
        ({"states": ("finished",), "person": "ann", "tool": "write_file", "cost_from": 0.5}, ["seedend5", "seedend3"]),
        ({"tool": "'; DROP TABLE groups; --"}, []),
        ({"member": "x" * 400}, []),
    ],
)
async def test_each_filter_and_all_together_keep_what_fits(
    shared: Ledger, filters: dict[str, object], groups: list[str]
) -> None:
    assert await found(shared, **filters) == groups


async def test_words_and_filters_hold_together(shared: Ledger) -> None:
    everywhere = await found(shared, "retry")
    assert everywhere == ["seedbusy", *(f"seedend{n}" for n in range(6, 0, -1))]
    assert await found(shared, "retry", person="pat") == ["seedbusy", "seedend6", "seedend3"]
    assert await found(shared, "retr*", states=("finished",), tool="write_file") == ["seedend5", "seedend3", "seedend1"]


@pytest.mark.parametrize("query", ["", "retry", "retr*"])
async def test_pages_hold_every_run_once_whatever_is_made_meanwhile(ledger: Ledger, query: str) -> None:
    await seeded(ledger)
    history, filters = History(ledger.reader), Filters(terms=parse(query))
    whole = [run.group.id for run in (await history.page(filters, "", 100)).runs]
    assert len(whole) > 6
    first = await history.page(filters, "", 3)
    await created(PlayedGroup("newer", NOW + DAY), Told("retry", "retry")).write(ledger.writer)
    await indexed(ledger)
    second = await history.page(filters, first.next, 3)
    third = await history.page(filters, second.next, 100)
    ids = [run.group.id for page in (first, second, third) for run in page.runs]
    assert ids == whole
    assert third.next == ""


async def test_groups_made_at_the_same_moment_are_paged_by_their_ids(ledger: Ledger) -> None:
    for name in "abcde":
        await created(PlayedGroup(f"same{name}", NOW), Told(name, "g")).write(ledger.writer)
    assert await found(ledger) == [f"same{name}" for name in "edcba"]


async def test_a_page_of_few_that_fit_says_how_to_go_on(shared: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawgroups.ledger.history.ROUNDS", 1)
    monkeypatch.setattr("clawgroups.ledger.search.CANDIDATES", 2)
    page = await History(shared.reader).page(Filters(terms=parse("retry"), tool="write_file"), "", 5)
    assert page.runs == []
    assert page.next
    assert await found(shared, "retry", tool="write_file") == ["seedend5", "seedend3", "seedend1"]


@pytest.mark.parametrize("cursor", ["nonsense", "n", "1.", "n1.x", "9" * 100])
async def test_a_cursor_that_is_none_is_refused(shared: Ledger, cursor: str) -> None:
    for terms in ((), parse("x")):
        with pytest.raises(Invalid):
            await History(shared.reader).page(Filters(terms=terms), cursor)


async def test_a_run_says_what_the_whole_group_would_say(shared: Ledger) -> None:
    for run in (await History(shared.reader).page(Filters(), "", 100)).runs:
        group = await shared.reader.load_group(run.group.id)
        assert (run.group.steps, run.group.cost, run.group.status) == (group.steps, group.cost, group.status)
        assert run.group.agents[group.root] == group.agents[group.root]
        assert sum(run.counts.values()) == len(group.agents)
        for status, many in run.counts.items():
            assert many == sum(agent.status.value == status for agent in group.agents.values())


async def test_who_took_part_and_what_can_be_chosen_is_known(shared: Ledger) -> None:
    (run,) = (await History(shared.reader).page(Filters(states=("running",)), "", 5)).runs
    assert {tuple(fact) for fact in run.facts} >= {("took_over", "ann"), ("answered", "ann"), ("took_over", "pat")}
    choices = await History(shared.reader).choices()
    assert choices["people"] == ["ann", "pat", "you"]
    assert choices["members"] == ["ann", "kimi", "pat", "qwen", "you"]
    assert "write_file" in choices["tools"]
