"""A terminal's output as plain lines."""

from __future__ import annotations

import pytest

from clawgroups.runner.terminal_text import FULL_SCREEN, WIDEST, plain


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("plain words\r\n", "plain words"),
        ("\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m", "red and bold"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\after", "after"),
        ("\x1b[?2004h$ ls\r\n\x1b[?2004la  b\r\n", "$ ls\na  b"),
        ("10%\r 55%\r100%\r\n", "100%"),
        ("long line\rshort\x1b[K\r\n", "short"),
        ("$ lx\b\x1b[Ks\r\n", "$ ls"),
        ("$ abc\x1b[2D\x1b[1P\r\n", "$ ac"),
        ("ac\x1b[1D\x1b[1@b", "abc"),
        ("a\tb", "a       b"),
        ("one\x1b[2J\x1b[Htwo", "one\ntwo"),
        ("cut off \x1b[3", "cut off"),
        ("a\x00\x07b", "ab"),
        ("ünïcode 🦀", "ünïcode 🦀"),
    ],
)
def test_what_somebody_would_have_read(shown: str, read: str) -> None:
    assert plain(shown) == read


def test_what_a_full_screen_program_drew_is_left_out_and_that_is_said() -> None:
    shown = "$ vi a\r\n\x1b[?1049h\x1b[H~\r\n~\r\n\x1b[?1049l$ done"
    assert plain(shown) == f"$ vi a\n\n{FULL_SCREEN}\n$ done"


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[999999999C" * 50 + "x",
        "x" + "\r\x1b[999999999@" * 50,
        "\x1b[5000G\x1b[99999X",
        "\x1b[" + "9" * 9_000 + "C",
    ],
)
def test_a_hostile_program_cannot_make_it_grow(hostile: str) -> None:
    assert len(plain(hostile * 20)) <= WIDEST


def test_no_escape_code_is_ever_left() -> None:
    everything = "".join(f"\x1b{chr(code)}x\x1b[{chr(code)}y\x1b]{chr(code)}z" for code in range(1, 256))
    assert "\x1b" not in plain(everything)


def test_a_long_line_at_the_prompt_stays_one_line_on_a_narrow_screen() -> None:
    typed = "$ echo 0123456789"  # readline writes a blank behind the last cell, and goes back, to get to the next row
    assert plain("$ echo 012" + " \r" + "3456789\r\n0123456789\r\n", 10) == f"{typed}\n0123456789"
    assert plain("$ echo 012" + " \r" + "34\x1b[A\x1b[1GX\r\n", 10) == "X echo 01234"


def test_a_bar_that_fills_the_whole_row_is_written_over_in_its_row() -> None:
    assert plain("#########.\r##########\r\n", 10) == "##########"
