"""What of a terminal goes on record: all of little, beginning and end of much, nothing of a secret."""

from __future__ import annotations

from clawgroups.runner.terminal_record import HIDDEN, KEPT, TOLD, TYPED, Record


def test_what_was_typed_and_what_came_out_stand_in_it() -> None:
    record = Record()
    record.typed("lx\x7fs -l\r")
    record.came_out("$ ls -l\r\n\x1b[32ma.txt\x1b[0m\r\n")
    record.typed("\x1b[A\x1bOPsleep 9\r\x03ech")
    told = record.told("it was closed")
    assert told.startswith("Typed:\n  ls -l\n  sleep 9\n  ^C\n  ech (not sent)\n")
    assert "\nShown:\n$ ls -l\na.txt\n" in told
    assert told.endswith("(it was closed)")


def test_what_the_terminal_does_not_show_is_not_kept() -> None:
    record = Record()
    record.typed("sudo x\r")
    for key in "hunter2\r":
        record.typed(key, hidden=True)
    told = record.told("closed")
    assert "hunter2" not in told
    assert told.count(HIDDEN) == 1


def test_of_a_flood_the_beginning_and_the_end_are_kept_and_the_rest_is_counted() -> None:
    record = Record()
    record.came_out("the beginning\r\n")
    for number in range(40_000):
        record.came_out(f"line {number}\r\n" * 3)
    record.came_out("the end\r\n")
    assert len(record._head) + len(record._tail) <= 4 * KEPT
    told = record.told("closed")
    assert "the beginning" in told
    assert "the end" in told
    assert "characters left out" in told
    assert len(told) < TOLD + 2_000


def test_a_flood_of_keys_is_bounded_too() -> None:
    record = Record()
    for number in range(5_000):
        record.typed(f"command {number}\r")
    record.typed("x" * 1_000_000)
    told = record.told("closed")
    assert "command 0" in told
    assert "(what was typed after that is left out)" in told
    assert len(told) < 3 * TYPED


def test_nothing_is_said_to_be_nothing() -> None:
    assert Record().told("closed") == "Nothing was typed.\n\nNothing was shown.\n\n(closed)"
