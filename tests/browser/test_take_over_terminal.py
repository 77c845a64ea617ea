"""A person's terminal in the browser: typed in one, watched in another, kept over a cut, and the model is told."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from browser_faults import Opener
from browser_steps import (
    agent,
    at_the_wheel,
    done,
    model_group,
    take_the_wheel,
    transcript,
    until_state,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Page, WebSocketRoute, expect

from clawgroups.testing.model_process import ModelProcess

NOTE = "made.txt is mine, and nobody else's."
SCREEN = """() => {
  const buffer = window.clawTerminal.buffer.active;
  const lines = Array.from({length: buffer.length}, (_, n) => buffer.getLine(n)?.translateToString(true) ?? "");
  return lines.join("\\n").trimEnd();
}"""


def see_terminal(page: Page) -> None:
    """Opens the panel and waits for the connection."""
    page.locator('.drive-tab[data-panel="terminal"]').click()
    expect(page.locator(".term")).to_be_visible()  # what is hidden takes no focus
    expect(page.locator(".term")).to_have_attribute("data-phase", "live")


def open_terminal(page: Page) -> None:
    """Opens the terminal and waits for its prompt."""
    see_terminal(page)
    page.locator('.term [data-act="open"]').click()
    expect(page.locator(".term")).to_have_attribute("data-state", "open")
    expect(page.locator(".xterm-rows")).to_contain_text("$")


def type_line(page: Page, line: str) -> None:
    """Types into the terminal."""
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type(line)
    page.keyboard.press("Enter")


def driven(open_page: Opener, api: httpx.Client, model: ModelProcess, **more: Any) -> tuple[Page, str]:
    """A page at the wheel of a sub-agent that a model drove."""
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive", **more)
    take_the_wheel(page)
    return page, str(tile["id"])


def test_a_command_is_run_by_hand_watched_by_another_and_the_model_is_told(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", "worker-180@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    take_the_wheel(page)
    open_terminal(page)
    expect(page.locator(".term-rec")).to_be_visible()
    watcher = open_page(f"/agents/{tile['id']}/drive", theme="light")
    see_terminal(watcher)
    type_line(page, "echo by-hand-$((6 * 7)) | tee made.txt")
    for each in (page, watcher):
        expect(each.locator(".xterm-rows")).to_contain_text("by-hand-42")
    assert page.evaluate(SCREEN) == watcher.evaluate(SCREEN)
    page.locator('.wheel [data-act="give"]').click()
    page.get_by_label("Your note to it").fill(NOTE)
    page.locator('[data-act="back"]').click()
    for each in (page, watcher):
        expect(each.locator(".term")).to_have_attribute("data-state", "ended")
        expect(each.locator(".wheel")).to_have_attribute("data-mode", "free")
    assert until_state(api, tile["id"], "done", "failed", "cancelled")["state"] == "done"
    check_told(model)


def check_told(model: ModelProcess) -> None:
    """What the model server itself received after the hand-back: the call, its result, and the record."""
    heard = [one["body"]["messages"] for one in model.report(bodies=True)["requests"]]
    messages = [one for one in heard if any(NOTE in str(message.get("content")) for message in one)][-1]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    (call,) = [call for call in calls if call["function"]["name"] == "terminal"]
    result = next(message["content"] for message in messages if message.get("tool_call_id") == call["id"])
    assert "echo by-hand-$((6 * 7)) | tee made.txt" in result
    assert "\nby-hand-42\n" in result
    assert "\x1b" not in result
    record = next(message["content"] for message in messages if NOTE in str(message.get("content")))
    assert "called terminal" in record
    assert "+by-hand-42" in record


def test_who_only_watches_cannot_type(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    anna = {"X-Claw-Person": done(api.post("/members", json={"name": f"Anna {tile['id']}", "kind": "person"}))["id"]}
    done(api.post(f"/agents/{tile['id']}/take-over", json={}, headers=anna))
    wait_for(lambda: agent(api, tile["id"])["state"] == "driving", "the proof of the stop")
    page = open_page(f"/agents/{tile['id']}/drive")
    see_terminal(page)
    expect(page.locator(".term-blank")).to_contain_text("opens a terminal, you see it here")
    expect(page.locator('.term [data-act="open"]')).to_be_disabled()
    expect(page.locator('.term [data-act="open"]')).to_have_attribute("title", f"Anna {tile['id']} holds the wheel.")
    expect(page.locator(".wheel-note")).to_contain_text(re.compile(r"has the wheel until \d"))
    done(api.post(f"/groups/{group}/cancel"))


def test_a_cut_connection_comes_back_with_all_that_was_shown_and_a_reload_too(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page("/claw/icon.svg")
    sockets: list[WebSocketRoute] = []
    cut = False

    def through(socket: WebSocketRoute) -> None:
        if cut:
            socket.close()
        else:
            sockets.append(socket)
            socket.connect_to_server()

    page.route_web_socket(re.compile("/terminal$"), through)
    page.goto(f"{page.url.split('/claw')[0]}/agents/{tile['id']}/drive")
    take_the_wheel(page)
    open_terminal(page)
    type_line(page, "echo before-$((1 + 1))")
    expect(page.locator(".xterm-rows")).to_contain_text("before-2")
    before = page.evaluate(SCREEN)
    cut = True
    sockets[-1].close()
    expect(page.locator(".term")).to_have_attribute("data-phase", "reconnecting")
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("x")
    expect(page.locator(".term-lost")).to_have_text("x")
    cut = False
    expect(page.locator(".term")).to_have_attribute("data-phase", "live")
    wait_for(lambda: page.evaluate(SCREEN) == before, "the same screen as before")
    page.reload()
    at_the_wheel(page)
    see_terminal(page)
    expect(page.locator(".xterm-rows")).to_contain_text("before-2")
    type_line(page, "echo after-$((1 + 1))")
    expect(page.locator(".xterm-rows")).to_contain_text("after-2")
    done(api.post(f"/groups/{group}/cancel"))


def test_another_step_sets_the_terminal_aside_and_typing_goes_on_in_it(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, agent_id = driven(open_page, api, model)
    open_terminal(page)
    type_line(page, "kept=here")
    page.locator('.drive-tab[data-panel="work"]').click()
    page.get_by_label("Your turn, or the result").fill("I look at it by hand.")
    page.get_by_role("button", name="Write the turn").click()
    expect(page.locator(".thread .by-human .words").filter(has_text="I look at it by hand.")).to_be_visible()
    see_terminal(page)
    expect(page.locator(".term")).to_have_attribute("data-state", "resting")
    type_line(page, "echo still-$kept")
    expect(page.locator(".xterm-rows")).to_contain_text("still-here")
    page.locator('.term [data-act="end"]').click()
    expect(page.locator(".term")).to_have_attribute("data-state", "ended")
    wait_for(lambda: not agent(api, agent_id)["calls"], "the record of the terminal")
    names = [call["name"] for line in transcript(api, agent_id) for call in line["calls"]]
    assert names.count("terminal") == 2
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_the_keyboard_gets_into_it_and_out_again(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    page, agent_id = driven(open_page, api, model)
    open_terminal(page)
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("htht")
    expect(page.locator(".xterm-rows")).to_contain_text("htht")
    page.keyboard.press("Escape")
    expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    expect(page.locator('.drive-tab[data-panel="terminal"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("F6")
    expect(page.locator('.term [data-act="end"]')).to_be_focused()
    page.get_by_label("screen reader").check()
    expect(page.locator(".xterm-accessibility")).to_be_attached()
    done(api.post(f"/agents/{agent_id}/cancel"))
    expect(page.locator(".term")).to_have_attribute("data-state", "ended")


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (1024, "light"), (390, "dark")])
def test_it_fits_the_screen(open_page: Opener, api: httpx.Client, model: ModelProcess, width: int, theme: str) -> None:
    page, agent_id = driven(open_page, api, model, width=width, theme=theme)
    open_terminal(page)
    type_line(page, "stty size")
    expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"\d+ \d\d+"))
    box, screen = page.locator(".term-screen").bounding_box(), page.locator(".xterm-screen").bounding_box()
    assert box is not None
    assert screen is not None
    assert box["x"] + box["width"] <= width
    assert screen["width"] <= box["width"], "a line is as long as what can be seen of it"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    done(api.post(f"/agents/{agent_id}/cancel"))
