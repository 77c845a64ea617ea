"""What browsers are told of a group that changes while they watch."""

from __future__ import annotations

from dispatcher_rig import Rig, model

from clawgroups.dispatcher.feed import GroupFeed
from clawgroups.group import commands as cmd

MADE = 30


async def test_new_tiles_come_in_the_order_of_their_creation_as_in_a_snapshot(rig: Rig) -> None:
    group = await rig.found(model("m", "http://127.0.0.1:9/v1"))
    for number in range(MADE):
        await rig.do(cmd.CreateAgent(name="worker", task=f"Work {number}", member="m"))
    news, feed = rig.dispatcher.news, GroupFeed()
    feed.tiles = set(rig.group().agents)
    batch = [tile["n"] for tile in news.changes(group, feed)["tiles"]]
    assert batch == [tile["n"] for tile in (await news.snapshot(group))["tiles"]]
    assert batch == list(range(1, MADE + 2))
