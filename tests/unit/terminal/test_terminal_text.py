"""A terminal's output as plain lines."""

from __future__ import annotations

import pytest

from clawgroups.runner import terminal_text
from clawgroups.runner.terminal_text import FULL_SCREEN, MOST_WORK, ROWS, TOO_MUCH, WIDEST, plain


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


@pytest.mark.parametrize("cols", [80, WIDEST])
@pytest.mark.parametrize(
    "code",
    ["\x1b[9999@", "\x1b[9999X", "\x1b[9999Gx\x1b[1K", "\x1b[9999Gx\x1b[H", "\x1b[9999Cx\n", "\x1b[9999Gx\r\x1b[P"],
)
def test_a_file_full_of_codes_is_read_with_a_bounded_amount_of_work(
    code: str, cols: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []

    class Counted(terminal_text._Page):
        def __init__(self, cols: int) -> None:
            super().__init__(cols)
            self._line: list[str] = Cells()
            pages.append(self)

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, Cells(value) if name == "_line" and isinstance(value, list) else value)

    Cells.touched = 0
    monkeypatch.setattr(terminal_text, "_Page", Counted)
    read = plain(code * 55_000, cols)
    assert pages
    assert Cells.touched <= MOST_WORK + 55_000 * 4 + 3 * WIDEST  # and what the words take that are no code
    assert len(read) <= MOST_WORK + 55_000 * 4
    assert TOO_MUCH in read


class Cells(list[str]):
    """A line that counts how many of its cells are written or moved, in all lines together."""

    touched = 0

    def __setitem__(self, where: object, what: object) -> None:
        before, after = len(self), len(what)  # type: ignore[arg-type]
        assert isinstance(where, slice)
        begin, end, _ = where.indices(before)
        moved = 0 if end - begin == after else before - end
        Cells.touched += after + moved
        super().__setitem__(where, what)  # type: ignore[call-overload]

    def __delitem__(self, where: object) -> None:
        assert isinstance(where, slice)
        Cells.touched += len(self) - where.indices(len(self))[1]
        super().__delitem__(where)

    def __iadd__(self, more: object) -> Cells:  # type: ignore[override, misc]
        Cells.touched += len(more)  # type: ignore[arg-type]
        self.extend(more)  # type: ignore[arg-type]
        return self


def test_one_code_moves_no_further_than_some_rows_of_the_screen() -> None:
    assert plain("a\x1b[9999Cb", 10) == "a" + " " * 10 * ROWS + "b"


def test_the_words_of_an_ordinary_long_output_are_all_there() -> None:
    row = "a unit was started\x1b[60G\x1b[32m[ OK ]\x1b[0m\r\n"
    assert plain(row * 8_000, 80).splitlines() == ["a unit was started".ljust(59) + "[ OK ]"] * 8_000


def test_no_escape_code_is_ever_left() -> None:
    everything = "".join(f"\x1b{chr(code)}x\x1b[{chr(code)}y\x1b]{chr(code)}z" for code in range(1, 256))
    assert "\x1b" not in plain(everything)


def test_a_long_line_at_the_prompt_stays_one_line_on_a_narrow_screen() -> None:
    typed = "$ echo 0123456789"  # readline writes a blank behind the last cell, and goes back, to get to the next row
    assert plain("$ echo 012" + " \r" + "3456789\r\n0123456789\r\n", 10) == f"{typed}\n0123456789"
    assert plain("$ echo 012" + " \r" + "34\x1b[A\x1b[1GX\r\n", 10) == "X echo 01234"


def test_a_bar_that_fills_the_whole_row_is_written_over_in_its_row() -> None:
    assert plain("#########.\r##########\r\n", 10) == "##########"
