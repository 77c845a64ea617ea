"""The room of images: taken before any is unpacked, once for equal ones, and given back with them."""

import base64
import gc
import io

import pytest
from PIL import Image

from backend.api import images
from backend.api.faults import NoRoom
from backend.api.images import Pixels
from backend.api.room import Room
from backend.checkpoint.config import VisionConfig
from backend.errors import RequestRefused

VISION = VisionConfig(patch_size=14)
ONE = 4 * 3 * 56 * 56
"""Bytes of the pixels of one of the images here."""


def _url(colour, size=56, cut=0):
    file = io.BytesIO()
    Image.new("RGB", (size, size), (colour, 9, 9)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()[: -cut or None]).decode()}"


@pytest.fixture(autouse=True)
def _no_collector():
    gc.disable()
    yield
    gc.enable()


def _pixels(room=10 * ONE):
    return Pixels(Room(room, "The images"))


def test_room_is_taken_as_long_as_somebody_has_the_pixels():
    pixels = _pixels()
    read = pixels.read([_url(1), _url(2)], VISION)
    assert pixels.room.held == 2 * ONE == sum(one.pixels.nbytes for one in read)
    kept = read[0].pixels
    del read
    assert pixels.room.held == ONE
    del kept
    assert pixels.room.held == 0


def test_equal_images_are_held_once():
    pixels = _pixels()
    first, second = pixels.read([_url(1), _url(1)], VISION)
    (third,) = pixels.read([_url(1)], VISION)
    assert first.pixels is second.pixels is third.pixels
    assert pixels.room.held == ONE
    del first, second, third
    assert pixels.room.held == 0
    again = pixels.read([_url(1)], VISION)
    assert (len(again), pixels.room.held) == (1, ONE)


def test_what_fits_exactly_is_taken_and_what_does_not_is_not_even_unpacked(monkeypatch):
    pixels = _pixels(2 * ONE)
    held = pixels.read([_url(1), _url(2)], VISION)
    monkeypatch.setattr("backend.engine.vision.preprocess.read_image", lambda data, vision: pytest.fail("unpacked"))
    with pytest.raises(NoRoom, match=r"take 0\.1 of 0\.1 MiB") as refused:
        pixels.read([_url(3)], VISION)
    assert refused.value.status == 429
    with pytest.raises(RequestRefused, match="of this request") as refused:
        pixels.read([_url(n) for n in range(3)], VISION)
    assert refused.value.status == 400
    assert (len(held), pixels.room.held) == (2, 2 * ONE)


def test_a_broken_image_gives_back_the_room_of_all_of_its_request():
    pixels = _pixels()
    with pytest.raises(RequestRefused, match="cannot be read"):
        pixels.read([_url(1), _url(2, cut=30), _url(3)], VISION)
    assert pixels.room.held == 0


def test_the_images_of_one_request_have_a_bound_together(monkeypatch):
    monkeypatch.setattr(images, "MOST_PATCHES", 32)
    pixels = _pixels()
    assert len(pixels.read([_url(1), _url(2)], VISION)) == 2
    with pytest.raises(RequestRefused, match="too many pixels together"):
        pixels.read([_url(1), _url(2), _url(3, 14)], VISION)
    assert pixels.room.held == 0
