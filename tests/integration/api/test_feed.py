"""The feed over a real websocket: a snapshot, then numbered batches; live text for who asks; foreigners refused."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_steps import Plans, agents, done, make_group, take_over, until, until_state, wait_for
from feed_viewer import FeedViewer
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clawgroups.testing.server_process import ServerProcess


def _group_of(agent: str) -> str:
    return agent.rsplit("-", 1)[0]


async def test_a_viewer_gets_a_snapshot_and_then_every_change_in_numbered_batches(
    server_api: str, client: httpx.Client, folder: Path
) -> None:
    group = make_group(client, folder, start=False)
    async with FeedViewer(server_api, group) as viewer:
        first = await viewer.next()
        assert first["t"] == "snapshot"
        assert {"n", "seq", "at", "group", "tiles", "requests", "status"} <= first.keys()
        assert first["status"]["ledger"] == {"state": "ok", "message": "", "hint": ""}
        assert [tile["state"] for tile in first["tiles"]] == ["queued"]
        await asyncio.to_thread(lambda: done(client.post(f"/groups/{group}/start")))
        await viewer.until(lambda: viewer.group["status"] == "finished")
        await viewer.until(lambda: all(tile["state"] == "done" for tile in viewer.tiles.values()))
    batches = [frame for frame in viewer.heard if frame["t"] == "batch"]
    numbers = [frame["n"] for frame in batches]
    assert numbers == list(range(first["n"] + 1, first["n"] + 1 + len(numbers)))
    assert viewer.snapshots == 1
    seen = [event for frame in batches for event in frame.get("events", [])]
    assert [event["seq"] for event in seen] == sorted({event["seq"] for event in seen}), "events come in order, once"
    assert "group_finished" in {event["kind"] for event in seen}
    listed = await asyncio.to_thread(agents, client, group)
    shown = {tile["id"]: tile for tile in listed}
    alike = ("state", "step", "epoch", "driver", "parent", "title")
    for agent, tile in viewer.tiles.items():
        assert {key: tile[key] for key in alike} == {key: shown[agent][key] for key in alike}


async def test_who_watches_a_quiet_group_hears_that_there_is_nothing(
    server_api: str, client: httpx.Client, folder: Path
) -> None:
    async with FeedViewer(server_api, make_group(client, folder, start=False)) as viewer:
        first = await viewer.next()
        await viewer.until(lambda: viewer.heard[-1]["t"] == "beat")
    assert 0 < viewer.heard[-1]["at"] - first["at"] < 30_000


async def test_what_a_person_does_is_seen_by_all_who_watch(server_api: str, client: httpx.Client, plans: Plans) -> None:
    agent = (await asyncio.to_thread(plans.talking))["id"]
    viewers = [FeedViewer(server_api, _group_of(agent)) for _ in range(12)]
    try:
        for viewer in viewers:
            await viewer.__aenter__()
            await viewer.next()
        await asyncio.to_thread(take_over, client, agent)
        for viewer in viewers:
            await viewer.until(lambda v=viewer: (v.tiles[agent]["driver"] or {}).get("id") == "you")  # type: ignore[misc]
            await viewer.until(lambda v=viewer: v.state_of(agent) == "driving")  # type: ignore[misc]
        assert {viewer.tiles[agent]["epoch"] for viewer in viewers} == {2}
        assert {viewer.snapshots for viewer in viewers} == {1}
    finally:
        for viewer in viewers:
            await viewer.__aexit__(None, None, None)


async def test_requests_open_and_close_on_the_feed(server_api: str, client: httpx.Client, plans: Plans) -> None:
    turn = plans.turn("May I?", ("write_file", {"path": "a", "content": "a"}), wait=(gate := secrets.token_hex(4)))
    agent = await asyncio.to_thread(lambda: plans.group(turn, policies={"write_file": "ask"}))
    async with FeedViewer(server_api, _group_of(agent)) as viewer:
        await viewer.next()
        plans.open(gate)
        await viewer.until(lambda: viewer.requests)
        request = next(iter(viewer.requests.values()))
        listed = await asyncio.to_thread(lambda: done(client.get("/requests", params={"group": _group_of(agent)})))
        assert [request] == listed["requests"], "the feed says what the list says"
        await asyncio.to_thread(
            lambda: done(client.post(f"/requests/{request['id']}/answer", json={"decision": "approve"}))
        )
        await viewer.until(lambda: not viewer.requests)
        await viewer.until(lambda: viewer.state_of(agent) == "done")


async def test_live_text_goes_to_those_who_watch_that_sub_agent_and_starts_anew_with_each_turn(
    server_api: str, client: httpx.Client, plans: Plans
) -> None:
    gate = secrets.token_hex(4)
    turns = [plans.turn("First words.", ("list_files", {}), wait=gate), plans.turn("Other words.", wait=f"{gate}-2")]
    agent = await asyncio.to_thread(lambda: plans.group(*turns))
    await asyncio.to_thread(until, client, agent, lambda a: a["partial"]["text"] == "First words.")
    async with FeedViewer(server_api, _group_of(agent)) as viewer, FeedViewer(server_api, _group_of(agent)) as other:
        await other.next()
        await viewer.say(t="watch", agents=[agent])
        await viewer.until(lambda: viewer.text.get(agent) == "First words.")  # also to who comes in the middle
        plans.open(gate)
        await viewer.until(lambda: viewer.text.get(agent) == "Other words.")
        await viewer.say(t="watch", agents=[])
        plans.open(f"{gate}-2")
        await viewer.until(lambda: viewer.state_of(agent) == "done")
        await other.until(lambda: other.state_of(agent) == "done")
    assert not [frame for frame in other.heard if frame["t"] == "text"], "nobody hears what they did not ask for"
    assert any(frame.get("live") for frame in other.heard), "rates go to everybody"


async def test_a_viewer_of_another_group_cannot_draw_off_words(
    server_api: str, client: httpx.Client, plans: Plans
) -> None:
    gate = secrets.token_hex(4)
    turns = [plans.turn("One.", ("list_files", {}), wait=gate), plans.turn("Two.", times=200, wait=f"{gate}-2")]
    agent = await asyncio.to_thread(lambda: plans.group(*turns))
    elsewhere = await asyncio.to_thread(lambda: plans.group(plans.turn(wait="never")))
    async with FeedViewer(server_api, _group_of(elsewhere)) as spy, FeedViewer(server_api, _group_of(agent)) as viewer:
        await spy.say(t="watch", agents=[agent, "nonsense", elsewhere])
        await spy.until(lambda: elsewhere in spy.text)
        await viewer.say(t="watch", agents=[agent])
        await viewer.until(lambda: viewer.text.get(agent) == "One.")
        plans.open(gate)
        await viewer.until(lambda: viewer.text.get(agent) == "Two." * 200)
        await spy.say(t="resync")
        await spy.until(lambda: spy.snapshots == 2)
        assert agent not in spy.text
    await asyncio.to_thread(lambda: client.post(f"/groups/{_group_of(elsewhere)}/cancel"))
    plans.open(f"{gate}-2")


async def test_a_viewer_that_missed_something_asks_for_a_snapshot(
    server_api: str, client: httpx.Client, plans: Plans
) -> None:
    agent = (await asyncio.to_thread(plans.talking, "I talk on."))["id"]
    async with FeedViewer(server_api, _group_of(agent)) as viewer:
        await viewer.next()
        await viewer.say(t="watch", agents=[agent])
        await viewer.until(lambda: viewer.text.get(agent) == "I talk on.")
        viewer.text.clear()
        await viewer.say(t="resync")
        await viewer.until(lambda: viewer.snapshots == 2)
        await viewer.until(lambda: viewer.text.get(agent) == "I talk on.")  # what is watched stays watched
        await asyncio.to_thread(lambda: done(client.post(f"/agents/{agent}/cancel")))
        await viewer.until(lambda: viewer.state_of(agent) == "cancelled")  # and the numbers go on from there


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"t": "dance"}', '{"t": "watch"}', '{"t": "watch", "agents": [1]}', b"\0"]
)
async def test_nonsense_from_a_viewer_ends_its_feed_with_a_reason_and_no_other(
    server_api: str, plans: Plans, said: str | bytes
) -> None:
    agent = await asyncio.to_thread(lambda: plans.group(start=False))
    async with FeedViewer(server_api, _group_of(agent)) as viewer, FeedViewer(server_api, _group_of(agent)) as other:
        await other.next()
        await viewer.connection.send(said)
        with pytest.raises(ConnectionClosed) as closed:
            await viewer.until(lambda: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400
        assert "feed" in closed.value.rcvd.reason
        await other.say(t="resync")
        await other.until(lambda: other.snapshots == 2)


async def test_the_feed_of_no_group_is_closed_as_not_found(server_api: str) -> None:
    async with FeedViewer(server_api, "zzzzzzzz") as viewer:
        with pytest.raises(ConnectionClosed) as closed:
            await viewer.next()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "zzzzzzzz" in closed.value.rcvd.reason) == (4404, True)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Host": "evil.example"}],
)
async def test_pages_from_elsewhere_cannot_watch(server_api: str, plans: Plans, headers: dict[str, str]) -> None:
    agent = await asyncio.to_thread(lambda: plans.group(start=False))
    with pytest.raises(InvalidStatus) as refusal:
        async with FeedViewer(server_api, _group_of(agent), headers=headers):
            pass
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example:80"}])
def test_pages_from_elsewhere_cannot_act(client: httpx.Client, headers: dict[str, str]) -> None:
    reply = client.post("/groups", json={"name": "x", "goal": "y"}, headers=headers)
    error: dict[str, Any] = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (403, "foreign")
    assert error["hint"]


async def test_the_servers_own_page_may_watch(server_api: str, server: ServerProcess, plans: Plans) -> None:
    agent = await asyncio.to_thread(lambda: plans.group(start=False))
    async with FeedViewer(server_api, _group_of(agent), headers={"Origin": server.url}) as viewer:
        assert (await viewer.next())["t"] == "snapshot"


def test_an_ended_group_can_still_be_watched(server_api: str, client: httpx.Client, plans: Plans) -> None:
    agent = plans.group(result="over")
    until_state(client, agent, "done")

    async def first() -> dict[str, Any]:
        async with FeedViewer(server_api, _group_of(agent)) as viewer:
            return await viewer.next()

    assert wait_for(lambda: asyncio.run(first())["group"]["status"] == "finished")
