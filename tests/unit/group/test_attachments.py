"""Attachments: they go with the words to everybody addressed, and whatever a file is called, its path is harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawgroups.errors import Invalid
from clawgroups.group import commands as cmd
from clawgroups.group import effects as fx
from clawgroups.group import events as ev
from clawgroups.group.attachments import Attachment, about, path_of, safe_name, sniffed
from tests.unit.group.scene import CHILD, CONDUCTOR, Scene, call

PLAN = Attachment("a1", "plan.pdf", "application/pdf", 2048, "ab" * 32)
SHOT = Attachment("a2", "shot.png", "image/png", 10, "cd" * 32)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.conduct({})
    return scene


def test_what_is_attached_reaches_everybody_addressed_with_the_words(scene: Scene) -> None:
    scene.turn(CHILD, call("edit"))
    posted, *_ = scene.must(cmd.PostMessage("Look.", (CHILD, CONDUCTOR), (PLAN, SHOT)))
    assert isinstance(posted, ev.MessagePosted)
    assert posted.attachments == (PLAN, SHOT)
    assert [steer.attachments for steer in scene.agent(CHILD).steers] == [(PLAN, SHOT)]
    assert [steer.attachments for steer in scene.agent(CONDUCTOR).steers] == [(PLAN, SHOT)]
    scene.result("edit")
    (tell,) = scene.asked(fx.Tell)
    assert (tell.entry.content, tell.entry.attachments) == ("Look.", (PLAN, SHOT))
    delivered = next(r.event for r in scene.events if isinstance(r.event, ev.SteerDelivered))
    assert delivered.attachments == (PLAN, SHOT)


def test_files_alone_are_a_message(scene: Scene) -> None:
    posted, *_ = scene.must(cmd.PostMessage(" ", (), (SHOT,)))
    assert isinstance(posted, ev.MessagePosted)
    assert (posted.text, posted.attachments) == ("", (SHOT,))


def test_a_message_takes_ten_files(scene: Scene) -> None:
    files = tuple(Attachment(f"a{n}", "x", "text/plain", 1, "0" * 64) for n in range(11))
    error = scene.error(cmd.PostMessage("All.", (), files))
    assert isinstance(error, Invalid)
    assert "10 files at most, not 11" in error.sentence
    scene.must(cmd.PostMessage("All.", (), files[:10]))


@pytest.mark.parametrize(
    ("kind", "body", "event"),
    [
        ("message_posted", '{"kind":"message_posted","text":"Hi."}', ev.MessagePosted(text="Hi.")),
        (
            "steer_queued",
            '{"kind":"steer_queued","agent":"g-1","id":"g-s1","text":"Hi.","by":"you"}',
            ev.SteerQueued(agent="g-1", id="g-s1", text="Hi.", by="you"),
        ),
        (
            "steer_delivered",
            '{"kind":"steer_delivered","agent":"g-1","id":"g-s1","text":"Hi.","by":"you"}',
            ev.SteerDelivered(agent="g-1", id="g-s1", text="Hi.", by="you"),
        ),
    ],
)
def test_a_record_from_before_there_were_attachments_is_read(kind: str, body: str, event: ev.Event) -> None:
    assert ev.decode(kind, body) == event
    assert "attachments" not in ev.encode(event), "and what has none is written as it always was"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", ""),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_an_image_is_known_by_its_first_bytes(start: bytes, kind: str) -> None:
    assert sniffed(start) == kind


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plan v2.pdf", "plan-v2.pdf"),
        ("../../etc/passwd", "etc-passwd"),
        (".bashrc", "bashrc"),
        ("Übersicht.md", "Übersicht.md"),
        ("$(rm -rf).sh", "rm--rf-.sh"),
        ("a\u202egnp.exe", "a-gnp.exe"),
        ("...", "file"),
    ],
)
def test_a_file_lies_under_a_harmless_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=300))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    folder, file = path_of(Attachment("a", name, "text/plain", 1, "ef" * 32)).split("/")
    assert (folder, file[:9]) == ("attachments", "efefefef-")
    assert len(file.encode()) <= 120
    assert file.isprintable()


def test_type_and_size_are_said_in_words() -> None:
    assert about(PLAN) == "application/pdf, 2 KiB"
    assert about(SHOT) == "image/png, 10 bytes"
