"""What is attached comes over the link piece by piece, lies in the workspace and nowhere else, and is said in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from runner_rooms import AGENT, OTHER, Rooms, person, program, until

from clawgroups.group.attachments import Attachment, path_of
from clawgroups.group.thread import Entry, Turn
from clawgroups.group.tools import ToolSpec
from clawgroups.link import messages as ms
from clawgroups.runner.drivers.base import OnDelta

DATA = b"0123456789" * 1_000


class Listening:
    """A driver that keeps what it was told and ends its task."""

    def __init__(self) -> None:
        self.threads: list[list[Entry]] = []

    async def turn(self, thread: Sequence[Entry], tools: Sequence[ToolSpec], on_delta: OnDelta) -> Turn:
        self.threads.append(list(thread))
        return Turn("done")

    async def close(self) -> None:
        pass


def of(data: bytes, name: str = "data.bin", id: str = "a1") -> Attachment:
    return Attachment(id, name, "application/octet-stream", len(data), hashlib.sha256(data).hexdigest())


def words(*attachments: Attachment) -> Entry:
    return Entry(role="user", content="Read it.", kind="steer", attachments=attachments)


async def feed(rooms: Rooms, data: bytes, number: int = 1, size: int = 4_000) -> None:
    """Answers the questions for one file as a dispatcher does."""
    have = 0
    while have < len(data):
        asked = await rooms.next(ms.FetchFile, number)
        assert asked.offset == have
        rooms.house.hear(ms.FilePiece(id=asked.id, data=data[have : have + size]))
        have, number = have + size, number + 1


async def test_a_file_comes_in_pieces_before_the_turn_and_the_words_name_it(rooms: Rooms) -> None:
    driver = Listening()
    rooms.make_driver = lambda *args: driver
    file = of(DATA, "../../my data.bin")
    place = rooms.drive(program("x"), thread=(words(file),)).place
    await feed(rooms, DATA)
    await rooms.next(ms.StepDone)
    (entry,) = driver.threads[0]
    assert entry.content == f"Read it.\nAttached: {path_of(file)} (application/octet-stream, 9.77 KiB)"
    assert path_of(file).endswith("-my-data.bin")
    assert Path(place.root, path_of(file)).read_bytes() == DATA
    assert len(rooms.of(ms.FetchFile)) == 3


async def test_another_sub_agent_of_the_group_has_it_without_asking_again(rooms: Rooms) -> None:
    drivers = [Listening(), Listening()]
    rooms.make_driver = lambda drive, *args: drivers[drive.agent == OTHER]
    rooms.drive(program("x"), thread=(words(of(DATA)),))
    await feed(rooms, DATA)
    await rooms.next(ms.StepDone)
    place = rooms.drive(program("x"), agent=OTHER, thread=(words(of(DATA, "other.bin", "a2")),)).place
    await rooms.next(ms.StepDone, 2)
    assert Path(place.root, path_of(of(DATA, "other.bin"))).read_bytes() == DATA
    assert len(rooms.of(ms.FetchFile)) == 3


async def test_a_person_at_the_wheel_has_it_as_soon_as_the_words_come(rooms: Rooms) -> None:
    place = rooms.drive(person(), proceed=False).place
    await until(lambda: Path(place.root).exists())
    rooms.house.hear(ms.TellSeat(agent=AGENT, epoch=1, entry=words(of(DATA))))
    await feed(rooms, DATA)
    path = Path(place.root, path_of(of(DATA)))
    await until(path.exists)
    assert path.read_bytes() == DATA


async def test_what_the_driver_made_of_a_file_is_not_written_over(rooms: Rooms) -> None:
    rooms.make_driver = lambda *args: Listening()
    path = Path(rooms.place().root, path_of(of(DATA)))
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    rooms.drive(program("x"), thread=(words(of(DATA)),))
    await feed(rooms, DATA)
    await rooms.next(ms.StepDone)
    assert path.read_text() == "mine"


async def test_a_link_in_the_workspace_leads_nothing_outside(rooms: Rooms, tmp_path: Path) -> None:
    driver, outside = Listening(), tmp_path / "outside"
    rooms.make_driver = lambda *args: driver
    outside.mkdir()
    root = Path(rooms.place().root)
    root.mkdir(parents=True)
    (root / "attachments").symlink_to(outside)
    rooms.drive(program("x"), thread=(words(of(DATA)),))
    await feed(rooms, DATA)
    await rooms.next(ms.StepDone)
    (entry,) = driver.threads[0]
    assert "Attached, but missing here: " in entry.content
    assert "leads outside of the workspace" in entry.content
    assert entry.attachments == ()
    assert list(outside.iterdir()) == []


async def test_bytes_that_are_not_the_attached_ones_are_not_used(rooms: Rooms) -> None:
    driver = Listening()
    rooms.make_driver = lambda *args: driver
    place = rooms.drive(program("x"), thread=(words(of(DATA)),)).place
    await feed(rooms, DATA[::-1])
    await rooms.next(ms.StepDone)
    assert "what came is not what was attached." in driver.threads[0][0].content
    assert not Path(place.root, path_of(of(DATA))).exists()


async def test_a_server_that_cannot_send_it_is_quoted(rooms: Rooms) -> None:
    driver = Listening()
    rooms.make_driver = lambda *args: driver
    rooms.drive(program("x"), thread=(words(of(DATA)),))
    asked = await rooms.next(ms.FetchFile)
    rooms.house.hear(ms.FilePiece(id=asked.id, error="The disk is on fire."))
    await rooms.next(ms.StepDone)
    assert driver.threads[0][0].content.endswith("9.77 KiB): The disk is on fire.")
