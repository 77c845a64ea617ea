"""The terminal over its websocket: fenced by the wheel, seen by all, recorded as a call, honest after a loss."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil
import pytest
from api_steps import Json, Plans, done, take_over, thread, until, wait_for
from terminal_viewer import TerminalViewer
from websockets.exceptions import ConnectionClosed

from clawgroups.testing.server_process import ServerProcess

MOST_MIB = 120  # by which a flood may make the server larger
OTHERS_S = 15.0  # for two short turns of another sub-agent meanwhile


@pytest.fixture
def taken(client: httpx.Client, plans: Plans) -> Json:
    """A sub-agent that the tests' person drives."""
    return take_over(client, plans.talking()["id"])


def _calls(client: httpx.Client, agent: str) -> list[Json]:
    """Each of the person's calls with its result's text and fate, once none is open any more."""
    until(client, agent, lambda a: not a["calls"])
    lines = thread(client, agent)
    ends = {line["call_id"]: line for line in lines if line["role"] == "tool"}
    made = [call for line in lines if line["by"] == "you" for call in line["calls"]]
    return [{**call, "end": ends.get(call["id"])} for call in made]


def test_the_driver_types_and_everybody_sees_the_same_bytes(client: httpx.Client, server_api: str, taken: Json) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver, TerminalViewer(server_api, agent) as watcher:
        driver.open(epoch)
        driver.type("echo to-gether-$((40 + 2))\r", epoch)
        driver.sees("to-gether-42")
        watcher.sees("to-gether-42")
        with TerminalViewer(server_api, agent) as late:
            late.sees("to-gether-42")
            assert late.shown == driver.shown
        assert watcher.shown == driver.shown
        assert watcher.state["cols"] == 100
        driver.say("end", epoch=epoch)
        assert "person closed it" in watcher.until_state("ended")["why"]
    (call,) = _calls(client, agent)
    assert call["name"] == "terminal"
    assert '"interactive": true' in call["arguments"]
    assert call["end"]["fate"] == "done"
    assert "Typed:\n  echo to-gether-$((40 + 2))" in call["end"]["content"]
    assert "\nto-gether-42\n" in call["end"]["content"]


def test_half_of_a_surrogate_pair_is_typed_as_a_question_mark_and_the_runner_stays(
    client: httpx.Client, server_api: str, taken: Json
) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver:
        driver.open(epoch)
        driver.say_raw(f'{{"t": "in", "epoch": {epoch}, "text": "echo half-\\ud83d-of-$((1 + 1))\\r"}}')
        driver.sees("half-?-of-2")
        driver.type("echo whole-$((40 + 2))\r", epoch)
        driver.sees("whole-42")
    done(client.post(f"/agents/{agent}/cancel"))


def test_who_does_not_hold_the_wheel_and_who_held_it_before_types_nothing(
    client: httpx.Client, server_api: str, taken: Json
) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    other = done(client.post("/members", json={"name": f"Ola {agent}", "kind": "person"}), 201)["id"]
    with TerminalViewer(server_api, agent) as driver, TerminalViewer(server_api, agent, person=other) as stranger:
        driver.open(epoch)
        stranger.type("echo stranger\r", epoch)
        refused = stranger.refusal()
        assert (refused["code"], refused["rule"], refused["driver"], refused["text"]) == (
            "stale_epoch", "alone", "you", "echo stranger\r",
        )  # fmt: skip
        stranger.say("end", epoch=epoch)
        assert stranger.refusal()["code"] == "stale_epoch"
        driver.type("echo old\r", epoch - 1)
        assert driver.refusal()["epoch"] == epoch
        driver.type("echo mine-$((1 + 1))\r", epoch)
        driver.sees("mine-2")
        assert "stranger" not in driver.shown
        assert "echo old" not in driver.shown
        stranger.say("open", epoch=epoch)
        assert stranger.refusal()["code"] == "stale_epoch"
    again = client.post(f"/agents/{agent}/take-over", json={}, headers={"X-Claw-Person": other})
    error = again.json()["error"]
    assert error["rule"] == "one_driver"
    assert "it is free in" in error["hint"]


def test_the_next_driver_is_told_and_nothing_of_it_is_left(client: httpx.Client, server_api: str, taken: Json) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver:
        driver.open(epoch)
        driver.type("setsid -f sleep 54321; echo by-hand > made.txt; echo do''ne\r", epoch)
        driver.sees("done\r\n")
        assert _sleepers("54321")
        done(client.post(f"/agents/{agent}/hand-back", json={"epoch": epoch, "note": "Look at made.txt."}))
        driver.until_state("ended")
        driver.type("echo late\r", epoch)
        assert driver.refusal()["code"] == "stale_epoch"
    assert not _sleepers("54321")
    record = next(line for line in thread(client, agent) if line["kind"] == "hand_back")
    assert "called terminal" in record["content"]
    assert "+by-hand" in record["content"]
    (call,) = _calls(client, agent)
    assert (call["end"]["fate"], "echo by-hand > made.txt" in call["end"]["content"]) == ("done", True)


def test_another_step_is_taken_while_it_is_open_and_the_shell_goes_on(
    client: httpx.Client, server_api: str, taken: Json
) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver:
        driver.open(epoch)
        driver.type("kept=alive\r", epoch)
        driver.sees("kept=alive")
        write = {"id": "w", "name": "write_file", "arguments": {"path": "a.txt", "content": "from the tool\n"}}
        done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "", "tool_calls": [write]}))
        driver.until_state("resting")
        driver.type("cat a.txt; echo $kept\r", epoch)
        driver.sees("from the tool\r\nalive")
        done(client.post(f"/agents/{agent}/steps", json={"epoch": epoch, "content": "I am done.", "result": True}))
        driver.until_state("ended")
    calls = _calls(client, agent)
    assert [call["name"] for call in calls] == ["terminal", "write_file", "terminal"]
    assert [call["end"]["fate"] for call in calls] == ["done", "done", "done"]
    assert "it was left open" in calls[0]["end"]["content"]
    assert "from the tool" in calls[2]["end"]["content"]


def test_a_policy_and_the_plain_route_open_no_terminal(client: httpx.Client, server_api: str, plans: Plans) -> None:
    agent = take_over(client, plans.talking(policies={"terminal": "deny"})["id"])
    with TerminalViewer(server_api, agent["id"]) as driver:
        driver.say("open", epoch=agent["epoch"], cols=80, rows=24)
        assert driver.refusal()["rule"] == "policy"
    by_route = {
        "epoch": agent["epoch"],
        "content": "",
        "tool_calls": [{"id": "t", "name": "terminal", "arguments": {}}],
    }
    done(client.post(f"/agents/{agent['id']}/steps", json=by_route))
    told = next(line for line in thread(client, agent["id"]) if line["call_id"] == "t")
    assert told["content"] == "There is no tool named 'terminal'."


def test_a_flood_neither_fills_memory_nor_holds_up_another_stream(
    client: httpx.Client, server: ServerProcess, server_api: str, taken: Json, plans: Plans
) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver, TerminalViewer(server_api, agent, takes=False) as slow:
        driver.open(epoch)
        before = _resident(server)
        driver.type("yes\r", epoch)
        driver.sees("y\r\ny\r\n")
        began, seen = time.monotonic(), len(driver.of("out"))
        other = plans.group(plans.turn("word " * 100, times=5), plans.turn("and more."))
        while client.get(f"/agents/{other}").json()["state"] != "done":
            driver.sees_more(5)
            assert time.monotonic() - began < OTHERS_S, "another sub-agent's words wait behind the flood"
        driver.until(lambda: len(driver.of("out")) - seen > 100)
        assert _resident(server) - before < MOST_MIB * 1024 * 1024
        driver.type("\x03", epoch)
        driver.until(lambda: driver.shown.endswith("$ "))  # before it, the shell may throw away what is typed
        driver.type("echo af''ter\r", epoch)
        driver.sees("after")
        slow.sees("after")
        driver.say("end", epoch=epoch)
        driver.until_state("ended")
    (call,) = _calls(client, agent)
    assert "characters left out" in call["end"]["content"]
    assert len(call["end"]["content"]) < 70_000


def test_an_unwatched_terminal_goes_on(client: httpx.Client, server_api: str, taken: Json) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver:
        driver.open(epoch)
        driver.type("seq 60000; echo all-th''ere\r", epoch)
    with TerminalViewer(server_api, agent) as again:
        again.sees("all-there")
    with TerminalViewer(server_api, agent) as again:
        again.sees("all-there")
        assert "59999" in again.shown
        assert again.shown.startswith(tuple("0123456789")), "what is left of a long output begins with a whole line"
    done(client.post(f"/agents/{agent}/cancel", json={}))


def test_a_runner_that_is_killed_leaves_an_unknown_fate_and_no_process(
    client: httpx.Client, server: ServerProcess, server_api: str, taken: Json
) -> None:
    agent, epoch = taken["id"], taken["epoch"]
    with TerminalViewer(server_api, agent) as driver:
        driver.open(epoch)
        driver.type("setsid -f sleep 65432; echo st''arted\r", epoch)
        driver.sees("started")
        assert _sleepers("65432")
        os.kill(server.runner_pid(), signal.SIGKILL)
        assert "runner was lost" in driver.until_state("ended")["why"]
        wait_for(lambda: not _sleepers("65432"), "the end of what the terminal ran")
        until(client, agent, lambda a: not a["calls"])
        (call,) = _calls(client, agent)
        assert call["end"]["fate"] == "unknown"
        assert "is not known" in call["end"]["content"]
        wait_for(lambda: client.get("/status").json()["runner"]["sandbox"]["level"], "a new runner")
        wait_for(lambda: not client.get(f"/agents/{agent}").json()["calls"], "the end of the call")
        driver.open(epoch)
        driver.type("echo a-new-$((1 + 1))\r", epoch)
        driver.sees("a-new-2")
    preview = done(client.get(f"/agents/{agent}/hand-back/preview"))["text"]
    assert "called terminal with" in preview
    assert "(unknown)" in preview


@pytest.mark.parametrize("frame", ["no json", "[1]", '"in"'])
def test_a_frame_that_is_none_closes_the_socket_with_a_reason(server_api: str, taken: Json, frame: str) -> None:
    with TerminalViewer(server_api, taken["id"]) as viewer:
        viewer.say_raw(frame)
        with pytest.raises(ConnectionClosed) as closed:
            viewer.until(lambda: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


def test_there_is_none_of_a_sub_agent_that_there_is_not(server_api: str) -> None:
    with TerminalViewer(server_api, "none-1") as viewer, pytest.raises(ConnectionClosed) as closed:
        viewer.until(lambda: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404


def test_the_address_says_that_it_is_a_websocket(client: httpx.Client) -> None:
    reply = client.get("/agents/any-1/terminal")
    assert (reply.status_code, reply.json()["error"]["sentence"]) == (426, "The terminal is a websocket.")


def _sleepers(seconds: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", seconds]]


def _resident(server: ServerProcess) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in (server.pid, server.runner_pid()))
