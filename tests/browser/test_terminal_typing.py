"""What is typed into a terminal comes in whole: while its output is shown again, and in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
from browser_faults import Opener
from browser_steps import done, model_group, take_the_wheel, wait_for, worker_at_work
from playwright.sync_api import Page, WebSocketRoute, expect
from test_take_over_terminal import open_terminal

from clawgroups.testing.model_process import ModelProcess

# From now on what is shown again is never shown to its end, until the test says so.
SLOW = """() => {
  const write = window.clawTerminal.write.bind(window.clawTerminal);
  window.clawTerminal.write = (text, then) => write(`${text}\\x1b[6n\\x1b[c`, () => (window.finish = then));
}"""


class Typed:
    """The socket of a page's terminal: what the page sends as typed; it can be cut."""

    def __init__(self, page: Page) -> None:
        self.said: list[str] = []
        self._route: WebSocketRoute | None = None
        page.route_web_socket(re.compile("/terminal$"), self._through)

    def _through(self, route: WebSocketRoute) -> None:
        self._route = route
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            frame = json.loads(message)
            if frame["t"] == "in":
                self.said.append(frame["text"])
            server.send(message)

        route.on_message(pass_on)

    def cut(self) -> None:
        """The connection ends; the page makes a new one."""
        assert self._route is not None
        self._route.close()


def at_the_terminal(open_page: Opener, api: httpx.Client, model: ModelProcess) -> tuple[Page, Typed, str]:
    """A page with an open terminal, its socket, and the sub-agent."""
    tile = worker_at_work(api, model_group(api, model, "conductor-1", "worker-600@12"))
    page = open_page("/claw/icon.svg")
    typed = Typed(page)
    page.goto(f"{page.url.split('/claw')[0]}/agents/{tile['id']}/drive")
    take_the_wheel(page)
    open_terminal(page)
    return page, typed, str(tile["id"])


def test_keys_during_a_replay_come_in_after_it_and_answers_of_the_screen_do_not(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, typed, agent_id = at_the_terminal(open_page, api, model)
    page.evaluate(SLOW)
    typed.said.clear()
    typed.cut()
    page.wait_for_function("() => window.finish")
    expect(page.locator(".term")).to_have_attribute("data-phase", "live")
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("echo typed-$((1 + 1))")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert typed.said == []
    page.evaluate("() => window.finish()")
    wait_for(lambda: page.evaluate("1") and typed.said, "the keys")
    assert "".join(typed.said) == "echo typed-$((1 + 1))\x1b[A\x1b[B"
    page.keyboard.press("Control+c")
    done(api.post(f"/agents/{agent_id}/cancel"))


def halves(said: list[str]) -> Iterator[str]:
    """The halves of characters in what was said."""
    return (one for text in said for one in text if "\ud800" <= one <= "\udfff")


def test_a_long_paste_is_cut_between_characters(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    page, typed, agent_id = at_the_terminal(open_page, api, model)
    for odd in ("", "x"):
        typed.said.clear()
        whole = odd + "😀" * 9_000
        page.evaluate("(text) => window.clawTerminal.input(text)", whole)
        wait_for(lambda: page.evaluate("1") and len(typed.said) == 2, "both pieces")
        assert list(halves(typed.said)) == []
        assert "".join(typed.said) == whole
    done(api.post(f"/agents/{agent_id}/cancel"))
