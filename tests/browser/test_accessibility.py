"""axe-core finds nothing serious on any page, in the dark and in the light. Sub-agents are seeded in every state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agents, done
from playwright.sync_api import Page, expect
from view_steps import see

from clawgroups.testing.server_process import ServerProcess

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")
GROUP = "/groups/seedbusy"
Ready = Callable[[Page], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Groups in every state; nobody drives, so nothing on the pages moves by itself."""
    home = tmp_path_factory.mktemp("seeded") / "home"
    home.mkdir()
    command = [sys.executable, "-m", "clawgroups.testing.seed", "--home", str(home)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with ServerProcess(home, env={"CLAWGROUPS_RUNNER": "false"}) as running:
        yield running


def findings(page: Page) -> list[str]:
    """What axe-core finds to be serious or critical on the page as it is now, one line for each rule and element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}\n    {node['html'][:200]}\n    "
        f"{node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"][:5]
    ]


def check(page: Page) -> None:
    """In the dark and in the light."""
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme="light" if theme == "light" else "dark")
        if not page.url.endswith("/docs"):  # that page follows the system by itself
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
        found = findings(page)
        assert not found, f"axe-core on {page.url} ({theme}):\n" + "\n".join(found)


def shown(selector: str) -> Ready:
    """Waits until something that fits is on the page."""

    def ready(page: Page) -> None:
        expect(page.locator(selector).first).to_be_visible()

    return ready


def view(name: str) -> Ready:
    """Waits until this view of a group has its rows."""
    return lambda page: see(page, name)


def large(page: Page) -> None:
    """Large tiles say who, what and the last words."""
    page.get_by_role("button", name="Large tiles with live text").click()
    expect(page.locator(".tile-title").first).to_be_visible()


def member_form(kind: str) -> Ready:
    """Shows the form that adds a member of this kind."""

    def ready(page: Page) -> None:
        page.locator(".members-kinds button").filter(has_text=kind).click()
        expect(page.locator("#add [data-kind]:visible .field").first).to_be_visible()

    return ready


def wrong_form(page: Page) -> None:
    """A form that was sent with nothing in it says what is wrong."""
    page.locator("#add [data-kind]:visible").get_by_role("button", name="Add").first.click()
    expect(page.locator("#add [role=alert]:visible").first).to_be_visible()


def palette(query: str) -> Ready:
    """The palette, with these words typed."""

    def ready(page: Page) -> None:
        expect(page.locator(".find-hint")).to_be_attached()
        page.keyboard.press("Control+k")
        expect(page.locator(".finder-row").first).to_be_visible()
        page.keyboard.type(query)
        expect(page.locator(".finder-row").first).to_be_visible()

    return ready


def help_dialog(page: Page) -> None:
    """The list of shortcuts."""
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("dialog.ask-keys")).to_be_visible()


def with_drawer(name: str) -> Ready:
    """This view of a group with the drawer open beside it."""

    def ready(page: Page) -> None:
        if name == "wall":
            expect(page.locator(".tile").first).to_be_visible()
        elif name in ("timeline", "tree", "table"):
            see(page, name)
        else:
            expect(page.locator({"room": ".talk", "result": ".result"}[name])).to_be_visible()
        expect(page.locator(".drawer .steps li").first).to_be_visible()

    return ready


PLACES: dict[str, tuple[str, Ready]] = {
    "home": ("/", shown(".board-stats")),
    "new group": ("/new", shown("form, .form")),
    "wall": (GROUP, shown(".tile")),
    "wall in the large": (GROUP, large),
    "timeline": (f"{GROUP}?view=timeline", view("timeline")),
    "tree": (f"{GROUP}?view=tree", view("tree")),
    "table": (f"{GROUP}?view=table", view("table")),
    "room": (f"{GROUP}?view=room", shown(".talk")),
    "result": (f"{GROUP}?view=result", shown(".result")),
    "a group that has ended": ("/groups/seedend1", shown(".result-words")),
    "no such group": ("/groups/nosuchgroup", shown("[role=alert]")),
    "members": ("/members", shown("#content li, #content article")),
    "history": ("/history", shown(".past-run")),
    "people": ("/people", shown("#content a[href*=set-up]")),
    "settings": ("/settings", shown("#hook-url")),
    "form of a model": ("/members", member_form("Model")),
    "form of a program": ("/members", member_form("Program")),
    "form of a person": ("/members", member_form("Person")),
    "form with mistakes": ("/members", wrong_form),
    "what the history finds": ("/history?q=the", shown(".past-snippet, .past-run, .blank")),
    "wall of a group that has ended": ("/groups/seedend1?view=wall", shown(".tile")),
    "palette": (GROUP, palette("")),
    "palette with words": (GROUP, palette("take over")),
    "help": (GROUP, help_dialog),
    "API": ("/api/v1/docs", shown("h1")),
}


@pytest.mark.parametrize("name", ["wall", "timeline", "tree", "table", "room", "result"])
def test_nothing_serious_with_the_drawer_beside(name: str, open_page: Opener) -> None:
    page = open_page(f"{GROUP}?view={name}&agent=seedbusy-2")
    with_drawer(name)(page)
    check(page)


@pytest.mark.parametrize("path", ["/", GROUP, f"{GROUP}?view=inbox", "/members", "/history", "/settings"])
def test_nothing_serious_on_a_phone(path: str, open_page: Opener) -> None:
    page = open_page(path, width=390, height=844)
    expect(page.locator("#content")).to_be_visible()
    expect(page.locator(".skeleton:visible")).to_have_count(0)
    check(page)


@pytest.mark.parametrize("deed", ["End ", "Steer "])
def test_nothing_serious_in_a_dialog_that_asks(deed: str, open_page: Opener) -> None:
    page = open_page(GROUP)
    page.locator('.tile[data-look="att"]').first.click()
    expect(page.locator(".drawer .steps li").first).to_be_visible()
    wanted = deed + page.locator(".drawer h2").inner_text()
    page.keyboard.press("Control+k")
    page.keyboard.type(wanted)
    expect(page.locator(".finder-row[aria-selected=true]")).to_contain_text(wanted)
    page.keyboard.press("Enter")
    expect(page.locator("dialog.ask")).to_be_visible()
    check(page)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_serious_on(place: str, open_page: Opener) -> None:
    path, ready = PLACES[place]
    page = open_page(path)
    ready(page)
    check(page)


@pytest.mark.parametrize("look", ["att", "hum", "bad", "done"])
def test_nothing_serious_in_the_drawer_of_a_sub_agent_that_looks(look: str, open_page: Opener) -> None:
    page = open_page(GROUP)
    page.locator(f'.tile[data-look="{look}"]').first.click()
    for tab, part in (("Live", ".drawer .steps li"), ("Thread", ".drawer .thread article"), ("Task", ".drawer .about")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(part).first).to_be_visible()
        check(page)


@pytest.mark.parametrize("driver", ["you", "an agent"])
def test_nothing_serious_on_the_take_over_screen(driver: str, open_page: Opener, server: ServerProcess) -> None:
    with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api:
        me = done(api.get("/me"))["id"]
        held = [tile for tile in agents(api, "seedbusy") if (tile["driver"] or {}).get("kind") == "person"]
        mine = [tile for tile in held if tile["driver"]["id"] == me]
        others = [tile for tile in agents(api, "seedbusy") if tile["state"] in ("driving", "queued")]
    tile = (mine if driver == "you" else others)[0]
    page = open_page(f"/agents/{tile['id']}/drive")
    expect(page.locator(".wheel")).to_be_visible()
    expect(page.locator(".thread article").first).to_be_visible()
    check(page)


def test_nothing_serious_where_people_come_in(open_page: Opener, faults: Faults, tmp_path: Path) -> None:
    faults.allow(r"status of 40[13]")
    with ServerProcess(tmp_path / "home", env={"CLAWGROUPS_RUNNER": "false"}) as fresh:
        key = (fresh.home / "set-up.key").read_text().strip()
        page = open_page(f"/set-up?key={key}", at=fresh.url)
        expect(page.get_by_role("heading", name="Set up sign-in")).to_be_visible()
        check(page)
        body = {"key": key, "sign_in_name": "ada", "name": "Ada Lovelace", "password": "correct horse"}
        done(httpx.post(f"{fresh.api}/set-up", json=body))
        page = open_page("/sign-in", at=fresh.url)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        check(page)
        page.get_by_label("Sign-in name").fill("ada")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("do not fit together")
        check(page)
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{fresh.url}/")
        page.goto(f"{fresh.url}/people")
        expect(page.locator("#content")).to_contain_text("Ada Lovelace")
        check(page)
        page.context.close()  # before the server ends, or it complains


def test_a_fault_that_is_planted_is_found(open_page: Opener) -> None:
    """The check is not blind: a button without a name and pale words are serious."""
    page = open_page("/")
    expect(page.locator(".board-stats")).to_be_visible()
    page.evaluate(
        """() => document.querySelector("#content").insertAdjacentHTML("beforeend",
            '<button type="button"><svg></svg></button><p style="color:#777;background:#888">pale</p>')"""
    )
    found = "\n".join(findings(page))
    assert "button-name (critical)" in found
    assert "color-contrast (serious)" in found
