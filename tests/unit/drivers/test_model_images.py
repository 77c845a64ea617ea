"""Images in a model's history: beside the words they are attached to, and only where the model is given them."""

from __future__ import annotations

from pathlib import Path

from clawgroups.group.attachments import Attachment
from clawgroups.group.members import ModelConfig
from clawgroups.group.thread import Entry
from clawgroups.runner.attached import ALL_SEEN, LARGEST_SEEN, seen
from clawgroups.runner.drivers.model_messages import messages_of, request_body

SHOT = Attachment("a1", "shot.png", "image/png", 3, "ab" * 32)
PLAN = Attachment("a2", "plan.pdf", "application/pdf", 3, "cd" * 32)
TOLD = Entry(role="user", content="Look.", kind="steer", attachments=(SHOT, PLAN))
URL = "data:image/png;base64,AAAA"


def test_an_image_stands_as_a_part_behind_the_words() -> None:
    (message,) = messages_of([TOLD], reasoning=False, images={"a1": URL})
    assert message == {
        "role": "user",
        "content": [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": URL}}],
    }


def test_without_an_image_the_words_stay_plain_text() -> None:
    assert messages_of([TOLD], reasoning=False) == [{"role": "user", "content": "Look."}]
    body = request_body(ModelConfig(base_url="http://x/v1", model="m"), [TOLD], (), "x")
    assert body["messages"] == [{"role": "user", "content": "Look."}]


def test_what_is_seen_is_read_from_the_kept_bytes_and_files_are_not(tmp_path: Path) -> None:
    for one in (SHOT, PLAN):
        (tmp_path / one.sha256).write_bytes(b"abc")
    assert seen(tmp_path, [TOLD]) == {"a1": "data:image/png;base64,YWJj"}


def test_an_image_that_never_came_is_left_out(tmp_path: Path) -> None:
    assert seen(tmp_path, [TOLD]) == {}


def test_the_newest_images_are_seen_until_they_are_too_many(tmp_path: Path) -> None:
    thread = []
    for number in range(5):
        image = Attachment(f"a{number}", "x.png", "image/png", LARGEST_SEEN, f"{number}" * 64)
        with (tmp_path / image.sha256).open("wb") as file:
            file.truncate(LARGEST_SEEN)
        thread.append(Entry(role="user", content="x", attachments=(image,)))
    assert list(seen(tmp_path, thread)) == ["a4", "a3"], f"{ALL_SEEN} bytes are the most"
    big = Attachment("big", "x.png", "image/png", LARGEST_SEEN + 1, "f" * 64)
    (tmp_path / big.sha256).write_bytes(b"")
    assert "big" not in seen(tmp_path, [Entry(role="user", attachments=(big,))])
