"""The room in SQL: pages in both directions, whom words were for, and whether they have read them."""

from __future__ import annotations

import pytest
from ledger_rig import commit_of, founded, judged

from clawgroups.dispatcher.dispatcher import HOUSE
from clawgroups.group import commands as cmd
from clawgroups.group.state import Group
from clawgroups.ledger.ledger import Ledger
from clawgroups.ledger.room import room_page


class Written:
    """A group whose commands are in the ledger at once."""

    def __init__(self, ledger: Ledger, group: Group) -> None:
        self.ledger = ledger
        self.group = group

    async def tell(self, command: cmd.Command) -> int:
        """The number of the command's first event."""
        before = self.group.seq
        decision = judged(self.group, command)
        await self.ledger.writer.commit([commit_of(decision)])
        self.group = decision.group
        return before + 1


@pytest.fixture
async def written(ledger: Ledger) -> Written:
    """A running group with a conductor and two more sub-agents, all of them queued."""
    made = founded("talk")
    await ledger.writer.commit([commit_of(made)])
    written = Written(ledger, made.group)
    await written.tell(cmd.StartGroup())
    for task in ("one", "two"):
        await written.tell(cmd.CreateAgent(name="w", task=task, member="you"))
    return written


async def test_a_post_tells_whom_it_was_for_and_who_has_read_it(ledger: Ledger, written: Written) -> None:
    seq = await written.tell(cmd.PostMessage("Look\x00 here, \N{OCTOPUS}.", ("talk-2", "talk-3")))
    await written.tell(cmd.SteerAgent(agent="talk-3", text="And you alone."))
    assert written.group.agents["talk-2"].steers
    (post, alone) = await room_page(ledger.reader, "talk", limit=10)
    assert (post["seq"], post["kind"], post["by"], post["by_agent"]) == (seq, "post", "you", "")
    assert post["text"] == "Look\N{REPLACEMENT CHARACTER} here, \N{OCTOPUS}."
    assert post["to"] == [{"agent": "talk-2", "delivered_at": 0}, {"agent": "talk-3", "delivered_at": 0}]
    assert (alone["text"], alone["to"]) == ("And you alone.", [{"agent": "talk-3", "delivered_at": 0}])
    await written.tell(cmd.Launch(agent="talk-3"))
    await written.tell(cmd.TakeOver(agent="talk-3"))  # between two steps a person reads at once
    read = await room_page(ledger.reader, "talk", limit=10)
    assert [[bool(to["delivered_at"]) for to in message["to"]] for message in read] == [[False, True], [True]]


async def test_rules_stand_in_it_once_however_many_were_told(ledger: Ledger, written: Written) -> None:
    seq = await written.tell(cmd.ChangeRules("Be kind."))
    assert written.group.seq == seq + 3
    (rules,) = await room_page(ledger.reader, "talk", limit=10)
    assert (rules["seq"], rules["kind"], rules["text"], rules["to"]) == (seq, "rules", "Be kind.", [])


async def test_pages_go_both_ways_without_a_gap(ledger: Ledger, written: Written) -> None:
    numbers = [await written.tell(cmd.PostMessage(f"number {number}", ("talk-2",))) for number in range(25)]
    newest = await room_page(ledger.reader, "talk", limit=10)
    assert [message["seq"] for message in newest] == numbers[15:]
    before = await room_page(ledger.reader, "talk", before=newest[0]["seq"], limit=10)
    assert [message["seq"] for message in before] == numbers[5:15]
    assert all(message["to"] for message in before)
    after = await room_page(ledger.reader, "talk", after=numbers[20], limit=10)
    assert [message["seq"] for message in after] == numbers[21:]


async def test_a_thread_holds_what_was_said_to_one_sub_agent_and_by_it(ledger: Ledger, written: Written) -> None:
    await written.tell(cmd.PostMessage("To both.", ("talk-2", "talk-3")))
    await written.tell(cmd.PostMessage("To the other.", ("talk-3",)))
    thread = await room_page(ledger.reader, "talk", agent="talk-2", limit=10)
    assert [(message["text"], message["to"][0]["agent"]) for message in thread] == [("To both.", "talk-2")]


async def test_another_groups_words_are_not_in_it(ledger: Ledger, written: Written) -> None:
    await written.tell(cmd.PostMessage("Here."))
    other = founded(HOUSE)
    await ledger.writer.commit([commit_of(other)])
    assert await room_page(ledger.reader, HOUSE, limit=10) == []
