"""What the pictures show: a page of the running program, and what a person does on it before the picture is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, WebSocketRoute, expect

BUSY, PAUSED, DRAFT, FINISHED, STOPPED = "seedbusy", "seedpaused", "seeddraft", "seedend3", "seedend4"
STREAMING, MINE = f"{BUSY}-4", f"{BUSY}-8"  # the second one is taken over before the pictures are taken
PANELS = {"files": ".ws-tree", "terminal": ".term", "give": "[data-shown=give] textarea"}
WORDS_MS = 2_500  # time for words to come in, so that bars and live text show something
Deed = Callable[[Page], None]


@dataclass(frozen=True)
class Scene:
    """``path`` is opened and ``deed`` done. ``docs``: the documentation shows it, too."""

    name: str
    path: str
    deed: Deed
    docs: bool = False


def seen(selector: str, *, words: bool = False) -> Deed:
    """Waits until it is there, and with ``words`` until something has been said."""

    def deed(page: Page) -> None:
        expect(page.locator(selector).first).to_be_visible()
        if words:
            page.wait_for_timeout(WORDS_MS)

    return deed


def wall(size: str) -> Deed:
    """The wall with small, medium or large tiles, after enough words that the bars show them."""

    def deed(page: Page) -> None:
        seen(".tile")(page)
        page.get_by_role("button", name=f"{size} tiles").click()
        page.wait_for_timeout(3 * WORDS_MS)

    return deed


def drawer(page: Page) -> None:
    """A sub-agent that writes, in the drawer."""
    page.locator(f'.tile[data-id="{STREAMING}"]').click()
    page.locator(".drawer .live-text .caret").wait_for()
    page.wait_for_timeout(WORDS_MS)


def request(page: Page) -> None:
    """One request of the inbox is open."""
    page.locator(".item[data-request] .item-name").nth(1).click()
    expect(page.locator(".claim").first).to_be_visible()


def chosen_rows(page: Page) -> None:
    """The table with some rows chosen, so that what can be done with many is seen."""
    boxes = page.locator(".ag-center-cols-container .ag-row, .ag-pinned-left-cols-container .ag-row")
    boxes.first.wait_for()
    for box in page.locator(".sheet .ag-row input[type=checkbox]").all()[:3]:
        box.check()


def keys(key: str, then: str) -> Deed:
    """A key is pressed, once the page listens, and something opens."""

    def deed(page: Page) -> None:
        seen(".ghead .stats")(page)
        page.keyboard.press(key)
        seen(then)(page)

    return deed


def panel(name: str) -> Deed:
    """A panel of the take-over screen."""

    def deed(page: Page) -> None:
        seen(".thread article")(page)
        page.locator(f'.drive-tab[data-panel="{name}"]').first.click()
        seen(PANELS[name])(page)

    return deed


def mine(then: Deed) -> Deed:
    """The wheel is in the viewer's hands; what ran out meanwhile is taken again."""

    def deed(page: Page) -> None:
        seen(".thread article")(page)
        wheel = page.locator(".wheel")
        if wheel.get_attribute("data-mode") != "mine":
            page.locator('.wheel [data-act="now"]').first.click()
            expect(wheel).to_have_attribute("data-mode", "mine")
        then(page)

    return deed


def terminal(page: Page) -> None:
    """A terminal in which something was done."""
    panel("terminal")(page)
    expect(page.locator(".term")).to_have_attribute("data-phase", "live")
    if page.locator(".term").get_attribute("data-state") != "open":
        page.locator('.term [data-act="open"]').click()
        expect(page.locator(".term")).to_have_attribute("data-state", "open")
        expect(page.locator(".xterm-rows")).to_contain_text("$")
        page.locator(".xterm-helper-textarea").focus()
        page.keyboard.type("ls -l; wc -l notes/*.md; git --version")
        page.keyboard.press("Enter")
    page.wait_for_timeout(WORDS_MS)


def file(page: Page) -> None:
    """A file in the editor."""
    panel("files")(page)
    page.locator('.ws-row[data-path="notes"]').click()
    page.locator('.ws-row[data-path="notes/callers.md"]').click()
    seen(".cm-content")(page)


def searched(page: Page) -> None:
    """What the history finds."""
    seen(".past-hit mark")(page)


def offline(page: Page) -> None:
    """The feed is cut under a page that was live, and stays away."""
    open_ones: list[WebSocketRoute] = []
    cut = False

    def through(socket: WebSocketRoute) -> None:
        if cut:
            socket.close()
        else:
            open_ones.append(socket)
            socket.connect_to_server()

    page.route_web_socket(re.compile("/feed$"), through)
    page.reload()
    seen(".ghead .stats", words=True)(page)
    cut = True
    for socket in open_ones:
        socket.close()
    expect(page.locator(".gfoot")).to_contain_text("econnect")


SCENES = (
    Scene("home", "/", seen(".board-stats"), docs=True),
    Scene("new-group", "/new", seen("form, .form"), docs=True),
    Scene("wall", f"/groups/{BUSY}?view=wall", wall("Medium"), docs=True),
    Scene("wall-small", f"/groups/{BUSY}?view=wall", wall("Small")),
    Scene("wall-large", f"/groups/{BUSY}?view=wall", wall("Large"), docs=True),
    Scene("drawer", f"/groups/{BUSY}?view=wall", drawer, docs=True),
    Scene("request", f"/groups/{BUSY}", request),
    Scene("timeline", f"/groups/{BUSY}?view=timeline", seen(".tl-head", words=True), docs=True),
    Scene("tree", f"/groups/{BUSY}?view=tree", seen(".tree-row"), docs=True),
    Scene("table", f"/groups/{BUSY}?view=table", chosen_rows, docs=True),
    Scene("room", f"/groups/{BUSY}?view=room", seen(".talk"), docs=True),
    Scene("result", f"/groups/{FINISHED}?view=result", seen(".result-words")),
    Scene("draft", f"/groups/{DRAFT}?view=wall", seen(".ghead")),
    Scene("paused", f"/groups/{PAUSED}?view=wall", seen(".tile")),
    Scene("finished", f"/groups/{FINISHED}?view=wall", seen(".tile")),
    Scene("stopped", f"/groups/{STOPPED}?view=wall", seen(".tile")),
    Scene("palette", f"/groups/{BUSY}", keys("Control+k", ".finder")),
    Scene("help", f"/groups/{BUSY}", keys("?", "dialog[open]")),
    Scene("take-over-watched", f"/agents/{BUSY}-19/drive", seen(".thread article")),
    Scene("take-over-mine", f"/agents/{MINE}/drive", mine(seen(".thread article")), docs=True),
    Scene("take-over-files", f"/agents/{MINE}/drive", mine(file), docs=True),
    Scene("take-over-terminal", f"/agents/{MINE}/drive", mine(terminal), docs=True),
    Scene("take-over-hand-back", f"/agents/{MINE}/drive", mine(panel("give"))),
    Scene("members", "/members", seen("#content li, #content article"), docs=True),
    Scene("people", "/people", seen("#content a[href*=set-up]")),
    Scene("history", "/history", seen(".past-run"), docs=True),
    Scene("history-search", "/history?q=idempotency", searched),
    Scene("history-nothing", "/history?q=nowhere+to+be+found", seen("h2")),
    Scene("settings", "/settings", seen("h2")),
    Scene("no-such-group", "/groups/nosuchgroup", seen("[role=alert]")),
    Scene("offline", f"/groups/{BUSY}", offline),
)

FIRST_SCENES = (
    Scene("first-home", "/", seen("#content h2")),
    Scene("first-history", "/history", seen("#content h2")),
    Scene("set-up", "/set-up?key={key}", seen("#content h1, h1")),
)
