"""A terminal as its viewers see it: kept within bounds, the same for all, at the pace of who types."""

from __future__ import annotations

import asyncio
import json

from clawgroups.dispatcher.terminals.room import KEPT, MOST_QUEUED, Room, Viewer


def _anew(room: Room) -> list[str]:
    return [json.dumps({"t": "all", "number": room.number, "text": room.scrollback()})]


def _watch(room: Room, person: str = "ann") -> Viewer:
    viewer = Viewer(person, lambda: _anew(room))
    room.viewers.add(viewer)
    return viewer


async def _read(viewer: Viewer, screen: list[str], gate: asyncio.Event) -> None:
    async def send(text: str) -> None:
        await gate.wait()
        frame = json.loads(text)
        if frame["t"] == "all":
            screen.clear()
        screen.append(frame["text"])

    await viewer.run(send)


async def test_a_slow_viewer_is_shown_everything_anew_and_holds_no_more_than_a_bound() -> None:
    room, gate, screen = Room("g-1"), asyncio.Event(), list[str]()
    viewer = _watch(room)
    reading = asyncio.ensure_future(_read(viewer, screen, gate))
    await asyncio.sleep(0)
    for number in range(1, 2_001):
        room.came_out(number, f"line {number}\r\n" * 100)
        assert viewer._queued <= MOST_QUEUED
    gate.set()
    async with asyncio.timeout(20):
        while "line 2000\r\n" not in "".join(screen):
            await asyncio.sleep(0.001)
    reading.cancel()
    shown = "".join(screen)
    assert "line 1\r\n" not in shown
    assert len(shown) <= KEPT + 64_000


def test_what_is_kept_is_bounded_and_begins_with_a_whole_line() -> None:
    room = Room("g-1")
    for number in range(1, 5_001):
        room.came_out(number, f"line {number} " + "x" * 90 + "\r\n")
    kept = room.scrollback()
    assert len(kept) <= KEPT
    assert kept.startswith("line ")
    assert kept.endswith("x\r\n")
    assert sum(map(len, room._kept)) < KEPT + 200


def test_the_pace_is_that_of_who_types_and_of_nobody_else() -> None:
    room = Room("g-1")
    room.by = "ann"
    assert room.pace() is None
    slow, fast, other = _watch(room), _watch(room), _watch(room, "bea")
    slow.taken, fast.taken, other.taken = 3, 7, 9
    assert room.pace() == 7, "a second window of theirs that hangs does not stop the first"
    room.viewers -= {slow, fast}
    assert room.pace() is None


def test_a_new_shell_shows_nothing_of_the_former_one() -> None:
    room = Room("g-1")
    viewer = _watch(room)
    room.came_out(1, "former")
    viewer.taken = 1
    room.begin(cols=80, rows=24)
    assert (room.scrollback(), room.number, viewer.taken) == ("", 0, 0)
