"""Who watches the take-over screen sees what the person at the wheel writes before it is sent, and cannot write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_faults import Faults, Opener
from browser_steps import Json, done, model_group, take_the_wheel, wait_for, worker_at_work
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from test_people_page import REFUSED, Team, come_in, server, team

from clawgroups.testing.model_process import ModelProcess

__all__ = ["server", "team"]  # a server on which people sign in, and its people
SLOW = "worker-600@12"
HALF = "Half a thought of Anna"
WRITE = """async ([group, agent, epoch, words]) => {
  const { feedOf } = await import("/claw/feed.js");
  feedOf(group).write(agent, epoch, { turn: words, tool: "", arguments: "", note: "" });
}"""


class Cut:
    """A page's feed, which can be cut and let through again."""

    def __init__(self, page: Page) -> None:
        self._open: list[WebSocketRoute] = []
        self._is_cut = False
        page.route_web_socket(re.compile("/feed$"), self._through)

    def _through(self, route: WebSocketRoute) -> None:
        if self._is_cut:
            route.close()
            return
        self._open.append(route)
        route.connect_to_server()

    def cut(self) -> None:
        """Every connection ends, and a new one too."""
        self._is_cut = True
        for route in self._open:
            route.close()
        self._open.clear()

    def mend(self) -> None:
        """The next try comes through."""
        self._is_cut = False


@pytest.fixture(scope="module")
def people(team: Team) -> Team:
    """Anna may drive, Vera may watch."""
    team.join("anna", "driver")
    team.join("vera", "viewer")
    return team


def worker(team: Team, model: ModelProcess) -> tuple[str, Json]:
    """A sub-agent that writes for a while."""
    group = model_group(team.ada, model, "conductor-1@0", SLOW)
    return group, worker_at_work(team.ada, group)


def unsent(page: Page, part: str = "") -> Locator:
    """What is shown of unsent words."""
    return page.locator(f'.unsent [data-part="{part}"]' if part else ".unsent")


def turn_of(page: Page) -> Locator:
    """The field for a turn."""
    return page.get_by_label("Your turn, or the result")


def test_the_watcher_sees_the_driver_type_and_a_cut_network_hides_nothing_for_long(
    people: Team, model: ModelProcess, open_page: Opener, faults: Faults, server: object
) -> None:
    faults.allow(REFUSED)
    group, tile = worker(people, model)
    place = f"/agents/{tile['id']}/drive"
    anna, vera = come_in(open_page, "anna"), come_in(open_page, "vera")
    hers, his = Cut(anna), Cut(vera)
    anna.goto(f"{people.server.url}{place}")
    vera.goto(f"{people.server.url}{place}")
    take_the_wheel(anna)
    expect(vera.locator(".wheel")).to_have_attribute("data-mode", "other")
    expect(unsent(vera)).to_have_count(0)
    expect(anna.locator(".unsent-seen")).to_contain_text("Vera")

    turn_of(anna).press_sequentially(HALF)
    expect(vera.locator(".unsent h3")).to_have_text("Anna is writing…")
    expect(unsent(vera, "turn")).to_have_text(HALF)
    assert not vera.locator(".unsent textarea, .unsent input, .unsent button").count(), "it is read-only"
    expect(unsent(anna)).to_have_count(0)

    his.cut()
    expect(unsent(vera)).to_have_count(0)  # nobody knows whether it is still so
    turn_of(anna).press_sequentially(" and more")
    his.mend()
    expect(unsent(vera, "turn")).to_have_text(f"{HALF} and more")

    hers.cut()
    expect(unsent(vera)).to_have_count(0)
    turn_of(anna).press_sequentially(", written in a tunnel")
    hers.mend()
    expect(unsent(vera, "turn")).to_have_text(f"{HALF} and more, written in a tunnel")

    anna.get_by_role("button", name="write_file", exact=True).click()
    anna.get_by_label("path").fill("half.txt")
    expect(unsent(vera, "arguments")).to_have_text("path: half.txt")
    expect(vera.locator(".unsent h4", has_text="Arguments of")).to_contain_text("write_file")
    assert stored(people, group, tile["id"]).count("tunnel") == 0, "nothing of it is on record"

    anna.get_by_role("button", name="Write the turn").click()
    expect(vera.locator(".thread .by-human .words").filter(has_text="tunnel")).to_be_visible()
    expect(unsent(vera, "turn")).to_have_count(0)
    expect(unsent(vera, "arguments")).to_have_text("path: half.txt")

    anna.get_by_role("button", name="Hand back", exact=True).click()
    anna.get_by_label("Your note to it").fill("Mind the tunnel")
    expect(unsent(vera, "note")).to_have_text("Mind the tunnel")
    anna.locator('[data-act="back"]').click()
    expect(unsent(vera)).to_have_count(0)
    done(people.ada.post(f"/groups/{group}/cancel"))


def stored(team: Team, group: str, agent_id: str) -> str:
    """Everything that is on record of a group, and every file of the server's home."""
    said = team.ada.get(f"/groups/{group}/events", params={"limit": 1000}).text
    home: Path = team.server.home
    files = [one for one in home.rglob("*") if one.is_file() and one.suffix not in (".key", ".json")]
    return said + "".join(one.read_bytes().decode(errors="replace") for one in files)


def test_a_viewer_cannot_write_in_the_place_of_the_driver(
    people: Team, model: ModelProcess, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    group, tile = worker(people, model)
    place = f"/agents/{tile['id']}/drive"
    anna, vera = come_in(open_page, "anna", place), come_in(open_page, "vera", place)
    ada = come_in(open_page, "ada", place)
    take_the_wheel(anna)
    epoch = done(people.ada.get(f"/agents/{tile['id']}"))["epoch"]
    turn_of(anna).fill(HALF)
    expect(unsent(ada, "turn")).to_have_text(HALF)
    told: list[str] = []
    vera.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(str(frame))))
    vera.reload()
    expect(unsent(vera, "turn")).to_have_text(HALF)
    for at in (epoch, epoch + 1, 0):
        vera.evaluate(WRITE, [group, tile["id"], at, "Vera was here"])
    ada.evaluate(WRITE, [group, tile["id"], epoch, "Ada was here"])  # may drive, and does not
    wait_for(lambda: vera.evaluate("() => 1") and sum('"forbidden"' in one for one in told) == 3, "three refusals")
    assert "As a viewer you may not work in a sub-agent's place." in "".join(told)
    turn_of(anna).fill(f"{HALF} goes on")
    expect(unsent(ada, "turn")).to_have_text(f"{HALF} goes on")
    expect(unsent(ada)).to_have_attribute("data-by", done(people.ada.get(f"/agents/{tile['id']}"))["driver"]["id"])
    done(people.ada.post(f"/groups/{group}/cancel"))
    expect(unsent(ada)).to_have_count(0)  # it has ended, and the words with it
