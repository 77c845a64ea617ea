"""``clawgroups run`` on a real terminal: what a person sees, what Ctrl-C asks, and how the terminal is left."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from cli_steps import claw, ended, wait_for
from cli_terminal import COLOUR, CTRL_C, Terminal

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

QUESTION = "[w]atching?"
FOOT = "Ctrl-C: leave, pause or cancel"
CTRL_D = b"\x04"


def _survey(folder: Path, *more: object, pace: float = 4) -> tuple[object, ...]:
    return ("run", "Look around.", "--folder", folder, "--template", "survey", "--pace", pace, *more)


def _group(terminal: Terminal) -> str:
    """The id of the group that the first line names."""
    terminal.until("runs:")
    return terminal.screen.split("group ")[1].split()[0]


def _asked(terminal: Terminal) -> str:
    """The group, once Ctrl-C has been pressed on its live table and the question stands there in its place."""
    terminal.until("part0.py", FOOT)
    group = _group(terminal)
    terminal.press(CTRL_C)
    wait_for(lambda: QUESTION in terminal.whole, "the question")
    assert FOOT not in terminal.screen, "the table is taken away before a person is asked"
    return group


def test_the_live_table_is_drawn_and_moves_and_makes_room_for_the_result(tmp_path: Path, folder: Path) -> None:
    with Terminal(*_survey(folder), home=tmp_path / "home") as terminal:
        group = _group(terminal)
        first = terminal.until("part0.py", "part1.py", "2 driving", "I survey", FOOT)
        assert f"/groups/{group}\n" in first
        row = next(line for line in first.splitlines() if "part0.py" in line)
        assert row.startswith("●  surveyor-00")
        wait_for(
            lambda: any("measure it" in line and "part0.py" in line for line in terminal.lines),
            "the words that come after, in the same row",
        )
        assert terminal.screen.count(FOOT) == 1, "it is drawn in one place again and again"
        assert terminal.wait() == 0, terminal.screen
        assert FOOT not in terminal.screen
        assert "━" not in terminal.screen
        assert "Surveyed 2 files" in terminal.screen
        assert terminal.lines[-1].endswith("survey.md"), terminal.screen
        terminal.left_well()


@pytest.mark.parametrize(
    ("keys", "told", "status"),
    [
        (b"l\n", "is left as it is.", "running"),
        (b"\n", "is left as it is.", "running"),
        (b"nonsense\n", "is left as it is.", "running"),
        (CTRL_D, "is left as it is.", "running"),
        (CTRL_C, "is left as it is.", "running"),
        (b"p\n", "is paused.", "paused"),
        (b"Cancel\n", "is cancelled.", "cancelled"),
    ],
)
def test_each_answer_to_ctrl_c_does_what_it_says(
    server: ServerProcess, client: httpx.Client, folder: Path, keys: bytes, told: str, status: str
) -> None:
    with Terminal(*_survey(folder, pace=1), home=server.home) as terminal:
        group = _asked(terminal)
        terminal.press(keys)
        assert terminal.wait() == 130
        said = next(line for line in terminal.lines if told in line)
        assert said.endswith(f"group {group} {told}")
        assert said[2] == ":", f"what becomes of it stands on a line of its own: {said}"
        assert (f"The server goes on with it: {server.url}/groups/{group}" in terminal.screen) == (
            status != "cancelled"
        )
        assert client.get(f"/groups/{group}").json()["status"] == status
        terminal.left_well()
    if status != "cancelled":
        client.post(f"/groups/{group}/cancel").raise_for_status()


def test_who_goes_on_watching_sees_the_table_again_and_then_the_end(
    server: ServerProcess, client: httpx.Client, folder: Path
) -> None:
    with Terminal(*_survey(folder, pace=4), home=server.home) as terminal:
        group = _asked(terminal)
        terminal.press(b"w\n")
        terminal.until("driving", FOOT)
        assert terminal.wait() == 0, terminal.screen
        assert "Surveyed 2 files" in terminal.screen
        assert ended(client, group)["status"] == "finished"
        terminal.left_well()


def test_with_a_server_of_its_own_a_pause_is_kept_over_its_end(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with Terminal(*_survey(folder, pace=1), home=home) as terminal:
        group = _asked(terminal)
        terminal.press(b"p\n")
        assert terminal.wait() == 130
        assert "Paused, it waits there for its resume." in terminal.whole
        terminal.left_well()
    with ServerProcess(home, pages=False) as again:
        assert httpx.get(f"{again.api}/groups/{group}").json()["status"] == "paused"


def test_forty_columns_show_who_works_on_what_and_no_row_spills_over(tmp_path: Path, folder: Path) -> None:
    with Terminal(*_survey(folder), home=tmp_path / "home", columns=40) as terminal:
        terminal.until("●  source/part0.py", "●  source/part1.py", "2 driving", "measure", FOOT)
        group = _group(terminal)
        lines = terminal.lines
        table = lines[lines.index("Look around.  running") :]
        assert table[1].endswith(f"/groups/{group}"), "the whole address"
        assert set(table[2]) == {"━"}
        assert table[3].startswith("2 driving, 1 waiting;")
        assert (table[-1], terminal.screen.count(FOOT)) == (FOOT, 1)
        assert len(table) == 8, f"each row takes one line:\n{terminal.screen}"
        terminal.press(CTRL_C)
        wait_for(lambda: QUESTION in terminal.whole, "the question")
        terminal.press(b"c\n")
        assert terminal.wait() == 130
        assert f"group {group} is cancelled." in terminal.whole
        terminal.left_well()


def test_what_needs_a_person_stays_above_the_table_however_narrow(server: ServerProcess, client: httpx.Client) -> None:
    with ModelProcess(rate=0) as model:
        claw("members", "add", "model", "Nowhere", "--url", model.base_url, "--model", "nobody", home=server.home)
        with Terminal("run", "Look.", "--conductor", "Nowhere", home=server.home, columns=40) as terminal:
            terminal.until("1 need you: see above", FOOT)
            group = _group(terminal)
            assert f"clawgroups answer {group}-r1 fail --home {server.home}" in terminal.whole
            assert terminal.whole.count("needs you (stall)") == 1
            client.post(f"/requests/{group}-r1/answer", json={"decision": "fail"}).raise_for_status()
            assert terminal.wait() == 1
            assert f"error: Group {group} ended without reaching" in terminal.whole
            terminal.left_well()


def test_colours_are_left_out_where_somebody_asked_for_none(server: ServerProcess, folder: Path) -> None:
    seen = {}
    for told, env in ((False, {}), (True, {"NO_COLOR": "1"})):
        with Terminal(*_survey(folder, pace=12), home=server.home, env=env) as terminal:
            terminal.until("part0.py", FOOT)
            assert terminal.wait() == 0, terminal.screen
            terminal.left_well()
            seen[told] = bool(COLOUR.search(terminal.raw))
    assert seen == {False: True, True: False}


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(server: ServerProcess, folder: Path) -> None:
    with Terminal(*_survey(folder, pace=12), home=server.home, env={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0, terminal.screen
        assert b"\x1b" not in terminal.raw
        assert "the group is finished now" in terminal.screen
        assert "is done: source/part0.py" in terminal.screen


def test_with_the_result_in_a_pipe_the_table_stays_on_the_terminal(server: ServerProcess, folder: Path) -> None:
    with Terminal(*_survey(folder, "--json", pace=12), home=server.home, piped=True) as terminal:
        terminal.until("part0.py", FOOT)
        assert terminal.wait() == 0, terminal.screen
        assert terminal.process.stdout is not None
        assert json.loads(terminal.process.stdout.read())["done"] is True
        assert "Surveyed" not in terminal.screen
        terminal.left_well()
