"""Passwords: what may be one, how it is kept, and how the wait for wrong ones grows."""

from __future__ import annotations

import asyncio
import threading

import pytest

from clawgroups.dispatcher.accounts.passwords import (
    FORGET_S,
    FREE,
    LONGEST_WAIT_S,
    MOST_KEPT,
    MOST_WAITING,
    Passwords,
    Tries,
)
from clawgroups.errors import Invalid, TooManyTries

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tries(clock: Clock) -> Tries:
    return Tries(clock)


def wait_of(tries: Tries, name: str = "ada", address: str = HERE) -> int:
    """How long one is told to wait; 0 where the try was taken."""
    try:
        tries.begin(name, address)
    except TooManyTries as error:
        return int(error.as_dict()["wait_s"])  # type: ignore[call-overload]
    return 0


def test_some_wrong_passwords_are_free_and_then_the_wait_doubles_up_to_a_limit(tries: Tries, clock: Clock) -> None:
    assert [wait_of(tries) for _ in range(FREE["pair"])] == [0] * FREE["pair"]
    waits = []
    for _ in range(12):
        waits.append(wait_of(tries))
        clock.now += waits[-1]
        assert wait_of(tries) == 0
    assert waits[:8] == [2, 3, 5, 9, 17, 33, 65, 129]
    assert max(waits) <= LONGEST_WAIT_S + 1


def test_the_wait_stays_at_its_limit_however_often_it_was_wrong(tries: Tries, clock: Clock) -> None:
    for _ in range(1_100):
        clock.now += LONGEST_WAIT_S
        assert wait_of(tries) == 0
    assert wait_of(tries) == LONGEST_WAIT_S + 1


def test_the_wait_is_said_in_the_sentence(tries: Tries) -> None:
    for _ in range(FREE["pair"]):
        wait_of(tries)
    with pytest.raises(TooManyTries, match="Too many wrong passwords: wait 2 seconds") as raised:
        tries.begin("ada", HERE)
    assert raised.value.status == 429


def test_who_comes_too_early_is_told_so_without_being_counted(tries: Tries) -> None:
    for _ in range(FREE["pair"]):
        wait_of(tries)
    assert {wait_of(tries) for _ in range(50)} == {2}


def test_strangers_elsewhere_do_not_keep_somebody_out(tries: Tries) -> None:
    for _ in range(FREE["pair"] + 3):
        wait_of(tries, address=THERE)
    assert wait_of(tries, address=THERE) > 0
    assert wait_of(tries, address=HERE) == 0


def test_one_address_cannot_try_names_without_end(tries: Tries) -> None:
    taken = sum(wait_of(tries, name=f"name{number}") == 0 for number in range(100))
    assert taken == FREE["address"]
    assert wait_of(tries, name="another", address=THERE) == 0


def test_many_addresses_cannot_try_one_name_without_end(tries: Tries) -> None:
    taken = sum(wait_of(tries, address=f"198.51.100.{number}") == 0 for number in range(100))
    assert taken == FREE["name"]


def test_the_right_password_is_forgiven(tries: Tries) -> None:
    for _ in range(FREE["pair"] - 1):
        wait_of(tries)
    wait_of(tries)
    tries.forgive("ada", HERE)
    assert [wait_of(tries) for _ in range(FREE["pair"])] == [0] * FREE["pair"]


def test_what_was_long_ago_is_forgotten(tries: Tries, clock: Clock) -> None:
    for _ in range(FREE["pair"]):
        wait_of(tries)
    assert wait_of(tries) > 0
    clock.now += FORGET_S + 1
    assert [wait_of(tries) for _ in range(FREE["pair"])] == [0] * FREE["pair"]


def test_what_is_kept_is_bounded(tries: Tries, clock: Clock) -> None:
    for number in range(MOST_KEPT):
        wait_of(tries, name=str(number), address=str(number))
    assert len(tries._kept) <= MOST_KEPT


@pytest.mark.parametrize(
    ("password", "wrong"),
    [("short", "at least 10 characters"), ("x" * 501, "at most 500"), ("Ada.Lovelace", "is the sign-in name")],
)
async def test_some_words_are_no_password(password: str, wrong: str) -> None:
    with pytest.raises(Invalid, match=wrong) as raised:
        await Passwords().hash(password, name="ada.lovelace")
    assert raised.value.field == "password"


async def test_a_hash_fits_its_password_alone_and_is_another_each_time() -> None:
    passwords = Passwords()
    made = [await passwords.hash("correct horse") for _ in range(2)]
    assert made[0] != made[1]
    assert all(one.startswith("$argon2id$") and "correct" not in one for one in made)
    assert await passwords.fits(made[0], "correct horse")
    assert not await passwords.fits(made[0], "correct horsf")
    assert not await passwords.fits("", "correct horse")
    assert not await passwords.fits("", "nobody's password"), "what stands in for a missing hash opens nothing"
    assert not await passwords.fits("no hash", "correct horse")


async def test_an_unknown_name_costs_a_hash_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, verified = Passwords(), []
    real = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda kept, word: verified.append(kept) or real(kept, word))
    await passwords.fits("", "nobody's password")
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$")


async def test_hashing_leaves_the_event_loop_free_and_too_many_at_once_are_turned_away() -> None:
    passwords, gate = Passwords(), threading.Event()
    passwords._verify = lambda kept, word: gate.wait(20)  # type: ignore[method-assign]
    passwords._nobody = "$argon2id$"
    waiting = [asyncio.ensure_future(passwords.fits("kept", "word")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(TooManyTries, match="Too many people"):
            await asyncio.wait_for(passwords.fits("kept", "word"), 5)
    finally:
        gate.set()
    assert await asyncio.gather(*waiting) == [True] * MOST_WAITING
