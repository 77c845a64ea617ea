"""The search on each database: what is found, that nothing a person types breaks it, and that it resumes."""

from __future__ import annotations

from functools import partial

import pytest
from ledger_rig import ask, file_of
from search_rig import NOW, found, indexed, seeded
from sqlalchemy import Connection, text

from clawgroups.group import events as ev
from clawgroups.group.commands import StartGroup
from clawgroups.ledger import search_index
from clawgroups.ledger.history import History
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.search import Hit, Search
from clawgroups.ledger.search_index import advance, prepare
from clawgroups.ledger.search_texts import joined, texts_of
from clawgroups.ledger.search_words import parse, tokens
from clawgroups.testing.played_group import PlayedGroup, call
from clawgroups.testing.seed import created, seed
from clawgroups.testing.seed_words import Told

HOSTILE = (
    '"', "''", "a'b", "(", ")", "a AND", "OR NOT", "NEAR(a b)", "words:x", "x*y", "*", "-x", "^x", "{a}:b", "a\x00b",
    "\ud800", "'; DROP TABLE events; --", ":*", "a & | ! <-> b", "\\", "%", "_", "x" * 5_000, "\u202e", "🚀" * 90,
)  # fmt: skip


async def hits_of(ledger: Ledger, group: str, query: str, limit: int = 100) -> list[Hit]:
    number = await History(ledger.reader).number(group)
    return await Search(ledger.reader).hits(group, number, parse(query), limit=limit)


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("runbook", ["seedend6"]),  # a name
        ("payments night", ["seedend6"]),  # a goal
        ("jargon", ["seedend6"]),  # rules
        ('"all interfaces"', []),
        ("advisory LOCK", ["seedend5"]),  # said by a model
        ("café", ["seedend3"]),
        ("CAFE-beta", ["seedend3"]),
        ("幂等键", ["seedend2"]),
        ("接口", ["seedend2"]),  # two characters
        ("等幂", []),  # the same ones in another order
        ("半セント", ["seedend4"]),
        ("🚀", ["seedend5"]),
        ("bottle*", ["seedend5"]),
        ("bottl", []),  # words are found whole
        ('"advisory lock is"', []),
        ('"the advisory lock"', ["seedend5"]),
        ("signature of", ["seedbusy"]),  # the kept text of an interrupted turn
        ("removed next week", ["seedbusy"]),  # a person's answer
        ("keep the retry", ["seedbusy"]),  # a note
        ("refused the key", ["seedbusy"]),  # a failure
        ("pytest", ["seedbusy"]),  # an argument
        ('"checkout.py:14"', ["seedbusy"]),  # a result
        ("nobody has ever said this", []),
    ],
)
async def test_words_are_found_wherever_they_were_said(shared: Ledger, query: str, groups: list[str]) -> None:
    assert await found(shared, query) == groups


@pytest.mark.parametrize("query", HOSTILE)
async def test_no_query_breaks_the_search(shared: Ledger, query: str) -> None:
    terms = parse(query)
    if terms:
        await Search(shared.reader).groups(terms)
        await hits_of(shared, "seedend1", query)


async def test_a_hit_names_the_sub_agent_the_step_and_the_words(shared: Ledger) -> None:
    said = await hits_of(shared, "seedend5", "advisory lock")
    assert [hit.what for hit in said if hit.agent == "seedend5-2"] == ["said", "result"]
    first = said[0]
    entries = await shared.reader.transcript(first.agent, limit=500)
    (entry,) = [entry for entry in entries if entry.seq == first.seq]
    assert (entry.step, entry.by) == (first.step, first.by)
    assert "".join(piece.text for piece in first.snippet) in entry.content
    assert [piece.text for piece in first.snippet if piece.hit] == ["advisory", "lock"]
    results = await hits_of(shared, "seedend5", "swallows")
    assert results
    assert {hit.what for hit in results} == {"result"}
    for hit in results:  # a result belongs to the step whose call it answers
        steps = [row for row in await shared.reader.steps(hit.agent) if row["seq"] < hit.seq]
        assert hit.step == steps[-1]["step"]


async def test_every_hit_comes_once_in_order_over_all_pages(shared: Ledger) -> None:
    number, search = await History(shared.reader).number("seedbusy"), Search(shared.reader)
    seen: list[Hit] = []
    while page := await search.hits("seedbusy", number, parse("retry"), after=seen[-1].place if seen else 0, limit=7):
        seen += page
    wanted = []
    async for recorded in shared.reader.all_events("seedbusy"):
        words = {token.text for token in tokens(joined(texts_of(recorded.event)))}
        if "retry" in words:
            wanted.append(recorded.seq)
    assert len(wanted) > 40
    assert [hit.seq for hit in seen] == wanted


async def test_words_of_a_long_text_are_found_in_whichever_part_they_stand(ledger: Ledger) -> None:
    played = created(PlayedGroup("longtext", NOW), Told("Long", "A long result."))
    played.tell(StartGroup())
    played.launch("longtext-1")
    filler = "lorem ipsum " * 9_000
    played.turn("longtext-1", "I read.", call("read_file", 1, path="x"))
    played.results("longtext-1", f"needle {filler} haystack {'y' * 3_000} {filler} pitchfork")
    await played.write(ledger.writer)
    await indexed(ledger)
    for word in ("needle", "haystack", "pitchfork", "y" * 3_000):
        (hit,) = await hits_of(ledger, "longtext", word)
        assert hit.what == "result"
        assert any(piece.hit for piece in hit.snippet), word


async def test_the_index_goes_on_where_it_was_and_takes_nothing_twice(database_url: str) -> None:
    ledger = await Ledger.open(database_url)
    await seed(ledger.writer, NOW)
    await ledger.writer.beside(prepare)
    first = await ledger.writer.beside(partial(advance, limit=150, words=True))
    assert (first.at, first.behind > 1_000) == (150, True)
    await ledger.close()
    ledger = await Ledger.open(database_url)
    try:
        assert (await Search(ledger.reader).progress()).at == 150
        assert (await indexed(ledger)).behind == 0
        seqs = [hit.seq for hit in await hits_of(ledger, "seedend1", "audit", 1_000)]
        assert len(seqs) == len(set(seqs)) > 5
        again = await ledger.writer.beside(partial(advance, limit=150, words=True))
        assert again.behind == 0
        assert [hit.seq for hit in await hits_of(ledger, "seedend1", "audit", 1_000)] == seqs
    finally:
        await ledger.close()


async def test_a_batch_that_fails_leaves_the_place_where_it_was(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seed(ledger.writer, NOW)
    await ledger.writer.beside(prepare)

    def broken(*_: object) -> None:
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(search_index, "_write_facts", broken)
        with pytest.raises(Exception, match="no"):
            await ledger.writer.beside(partial(advance, limit=150, words=True))
    assert (await Search(ledger.reader).progress()).at == 0
    await indexed(ledger)
    assert await found(ledger, "bottleneck") == ["seedend5"]


async def test_an_event_that_cannot_be_read_is_left_out_and_the_rest_is_found(ledger: Ledger) -> None:
    await seed(ledger.writer, NOW)
    event = ev.encode(ev.RulesChanged("x")).replace('"x"', "7")

    insert = "INSERT INTO events (group_id, seq, at, actor, agent_id, epoch, kind, body) VALUES "
    made = text(f"{insert}('seedend1', 99999, 1, 'a', '', 0, 'rules_changed', :body)").bindparams(body=event)

    def damage(connection: Connection) -> None:
        connection.execute(made)

    await ledger.writer.beside(damage)
    await indexed(ledger)
    assert await found(ledger, "bottleneck") == ["seedend5"]


async def test_what_is_written_later_is_found_after_the_next_batch(ledger: Ledger) -> None:
    await seeded(ledger)
    played = created(PlayedGroup("later", NOW + 1), Told("Something later", "A zebra is counted."))
    await played.write(ledger.writer)
    assert (await Search(ledger.reader).progress()).behind == 2
    assert await found(ledger, "zebra") == []
    await indexed(ledger)
    assert await found(ledger, "zebra") == ["later"]


async def test_the_house_itself_is_not_found(shared: Ledger) -> None:
    assert await found(shared, "installation") == []
    assert "house" not in await found(shared)


async def test_without_fts5_the_filters_work_and_the_words_are_made_up_for_later(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "MODULE", "fts_that_is_not_built_in")
    ledger = await Ledger.open(sqlite_url)
    await seed(ledger.writer, NOW)
    assert await ledger.writer.beside(prepare) is False
    assert (await indexed(ledger)).behind == 0
    assert await found(ledger, tool="write_file") == ["seedend5", "seedend3", "seedend1"]
    await ledger.close()
    monkeypatch.undo()
    ledger = await Ledger.open(sqlite_url)
    try:
        assert await ledger.writer.beside(prepare) is True
        assert (await Search(ledger.reader).progress()).at == 0  # what was written without it is taken in now
        await indexed(ledger)
        assert await found(ledger, "bottleneck") == ["seedend5"]
    finally:
        await ledger.close()


async def test_the_search_costs_the_file_no_more_than_the_words_it_holds(sqlite_url: str) -> None:
    ledger = await Ledger.open(sqlite_url)
    await seeded(ledger)
    await ledger.close()
    size = file_of(sqlite_url).stat().st_size
    await ask(sqlite_url, "DROP TABLE search_words", "DELETE FROM search_facts")
    await ask(sqlite_url, "SELECT 1")
    rows = await ask(sqlite_url, "SELECT sum(length(body)) FROM events")
    free = (await ask(sqlite_url, "PRAGMA freelist_count"))[0][0] * 8_192
    assert free < rows[0][0]
    assert free < size / 2
