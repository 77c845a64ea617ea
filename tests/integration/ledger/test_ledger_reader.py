"""What is read back is what was written: states, threads, events, whatever the words are."""

from __future__ import annotations

import pytest
from ledger_rig import commit_of, founded, noted, written

from clawgroups.errors import Invalid, NotFound
from clawgroups.group import events as ev
from clawgroups.group.thread import Entry
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.transcript import entries_of
from clawgroups.ledger.words import clean
from tests.unit.group.rule_world import GROUP, World
from tests.unit.ledger.ledger_history import HOSTILE


def threads_of(world: World) -> dict[str, list[Entry]]:
    """Each sub-agent's thread, made from the whole record in the plainest way."""
    own: dict[str, list[tuple[ev.Recorded, Entry]]] = {agent: [] for agent in world.group.agents}
    made: dict[str, int] = {}
    for recorded in world.events:
        if recorded.agent:
            made.setdefault(recorded.agent, recorded.seq)
            for entry in entries_of(recorded.seq, recorded.at, recorded.event):
                own[recorded.agent].append((recorded, entry))
    return {agent: [entry for _, entry in _thread(world, own, made, agent, 2**62, None)] for agent in own}


def _thread(
    world: World, own: dict[str, list[tuple[ev.Recorded, Entry]]], made: dict[str, int], agent_id: str, end: int,
    step: int | None,
) -> list[tuple[ev.Recorded, Entry]]:  # fmt: skip
    agent = world.group.agents[agent_id]
    mine = [each for each in own[agent_id] if each[0].seq < end]
    if step is not None:
        for place, (recorded, _) in enumerate(mine):
            if isinstance(recorded.event, ev.StepCommitted) and recorded.event.step > step:
                mine = mine[:place]
                break
        if step < agent.forked_step:
            mine = []
    if not agent.forked_from:
        return mine
    back = agent.forked_step if step is None else min(step, agent.forked_step)
    return _thread(world, own, made, agent.forked_from, min(end, made[agent_id]), back) + mine


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_state_that_is_loaded_equals_the_one_in_memory_and_the_replay(ledger: Ledger, seed: int) -> None:
    history = await written(ledger, seed, 400)
    loaded, group = await ledger.reader.load_group(GROUP), history.world.group
    assert loaded.seq == group.seq == len(history.world.events)
    assert list(loaded.agents) == list(group.agents)
    assert list(loaded.requests) == list(group.requests)
    assert [agent.epoch for agent in loaded.agents.values()] == [agent.epoch for agent in group.agents.values()]
    assert loaded.limits == group.limits
    assert await ledger.reader.verify(GROUP) == []


async def test_events_come_back_in_pages_in_their_order_with_their_meaning(ledger: Ledger) -> None:
    history = await written(ledger, 5)
    read, after = [], 0
    while page := await ledger.reader.events(GROUP, after, 37):
        assert len(page) <= 37
        read += page
        after = page[-1].seq
    assert [(each.seq, each.at, each.agent, each.epoch, each.kind) for each in read] == [
        (each.seq, each.at, each.agent, each.epoch, each.kind) for each in history.world.events
    ]
    of_one = [each async for each in ledger.reader.all_events(GROUP, agent=f"{GROUP}-1")]
    assert of_one == [each for each in read if each.agent == f"{GROUP}-1"]


@pytest.mark.parametrize("limit", [2, 50])
async def test_a_thread_is_the_same_in_pages_forwards_backwards_and_whole_forks_too(ledger: Ledger, limit: int) -> None:
    history = await written(ledger, 11)
    wanted = threads_of(history.world)
    assert any(agent.forked_step for agent in history.world.group.agents.values())
    longest = sorted(wanted, key=lambda agent: len(wanted[agent]))[-4:]
    forks = [agent.id for agent in history.world.group.agents.values() if agent.forked_step][:4]
    for agent in {*longest, *forks}:
        forwards: list[Entry] = []
        while page := await ledger.reader.transcript(agent, after=forwards[-1].seq if forwards else 0, limit=limit):
            forwards += page
        backwards: list[Entry] = []
        while page := await ledger.reader.transcript(
            agent, before=backwards[0].seq if backwards else 2**40, limit=limit
        ):
            backwards = page + backwards
        assert forwards == backwards
        assert [(entry.seq, entry.role, clean(entry.content)) for entry in forwards] == [
            (entry.seq, entry.role, clean(entry.content)) for entry in wanted[agent]
        ]


async def test_a_driver_is_not_shown_the_late_writes_that_people_see(ledger: Ledger) -> None:
    history = await written(ledger, 3)
    agent = next(each.agent for each in history.world.events if isinstance(each.event, ev.LateWriteKept))
    seen = {entry.kind for entry in await ledger.reader.transcript(agent, limit=10_000)}
    driven = {entry.kind for entry in await ledger.reader.transcript(agent, limit=10_000, for_driver=True)}
    assert seen - driven == {"late"}


async def test_words_come_back_as_they_were_but_for_half_pairs(ledger: Ledger) -> None:
    made = founded("words")
    await ledger.writer.commit([commit_of(made)])
    for words in HOSTILE:
        last = made.group.seq
        made = noted(made.group, words)
        await ledger.writer.commit([commit_of(made)])
        read = (await ledger.reader.events("words", last))[0].event
        assert isinstance(read, ev.RulesChanged)
        assert read.rules == words.replace("\ud800", "\N{REPLACEMENT CHARACTER}")
        assert (await ledger.reader.load_group("words")).rules == read.rules


async def test_eight_million_characters_in_one_turn_are_kept(ledger: Ledger) -> None:
    made = founded("large")
    await ledger.writer.commit([commit_of(made)])
    large = "漢字 and more " * 600_000
    await ledger.writer.commit([commit_of(noted(made.group, large))])
    assert (await ledger.reader.load_group("large")).rules == large


async def test_asking_for_what_is_not_there_says_so(ledger: Ledger) -> None:
    reader = ledger.reader
    for lost in ("nobody", "a\x00b", "x" * 10_000, "'; --", "g-99999999999999999999"):
        for question in (
            reader.load_group, reader.transcript, reader.agent_state, reader.agent_texts, reader.request,
            reader.verify, reader.last_snapshot,
        ):  # fmt: skip
            with pytest.raises((NotFound, Invalid)):
                await question(lost)
    with pytest.raises((NotFound, Invalid)):
        await ledger.reader.event_rows("g", 2**70) or await ledger.reader.seq("g")


async def test_a_frozen_reader_sees_nothing_of_what_is_written_meanwhile(ledger: Ledger) -> None:
    made = founded("still")
    await ledger.writer.commit([commit_of(made)])
    async with ledger.reader.frozen() as frozen:
        before = await frozen.load_group("still")
        await ledger.writer.commit([commit_of(noted(made.group, "meanwhile"))])
        assert await frozen.load_group("still") == before
        assert (await ledger.reader.load_group("still")).rules == "meanwhile"
