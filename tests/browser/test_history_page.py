"""The history page: words that a model said lead to their step; filters live in the address; nothing is lost by a
restart."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Opener
from browser_steps import agents, done, keyboard_focus, model_group, transcript, until_over
from playwright.sync_api import Locator, Page, Route, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

STILL = {"CLAWGROUPS_RUNNER": "false"}  # nobody goes on driving
READ_MS = 30_000  # until a search has read what was just said


def seed(home: Path, *more: str) -> None:
    """Fills a home that has no ledger yet."""
    subprocess.run([sys.executable, "-m", "clawgroups.testing.seed", "--home", str(home), *more], check=True)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server on a house with groups in every state, in which nobody goes on driving."""
    home = tmp_path_factory.mktemp("seeded") / "home"
    seed(home)
    with ServerProcess(home, env=STILL) as running:
        yield running


def runs(page: Page) -> Locator:
    """The rows of the list."""
    return page.locator(".past-run")


def names(page: Page) -> Locator:
    """Their names."""
    return page.locator(".past-name")


def caught_up(page: Page) -> None:
    """The search has read the whole record."""
    expect(page.locator(".past-note", has_text="still reading")).to_have_count(0, timeout=READ_MS)


def test_a_word_that_a_model_said_is_found_and_leads_to_its_step(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-2@0", "worker-60@0")
    until_over(api, group)
    workers = {tile["id"]: tile["name"] for tile in agents(api, group) if tile["parent"]}
    turns = [(entry, worker) for worker in workers for entry in transcript(api, worker) if entry["role"] == "assistant"]
    said, worker = min(turns, key=lambda turn: turn[0]["seq"])  # the places in a run come oldest first
    words = " ".join(re.findall(r"\w+", said["content"])[:8])
    page = open_page("/history")
    page.get_by_label("Words to find").fill(f'"{words}"')
    row = page.locator(f'[data-run="{group}"]')
    expect(row).to_be_visible(timeout=READ_MS)
    hit = row.locator(".past-hit", has_text=f"step {said['step']}").filter(has_text=workers[worker]).first
    expect(hit.locator("mark").first).to_have_text(re.compile(re.escape(words.split()[0]), re.IGNORECASE))
    hit.click()
    page.wait_for_url(f"**/groups/{group}?agent={worker}&at={said['seq']}")
    found = page.locator(".thread-found")
    expect(found).to_contain_text(said["content"][:60])
    expect(found).to_contain_text(f"step {said['step']}")
    expect(found).to_be_in_viewport()


def test_filters_live_in_the_address_and_back_and_forward_go_through_them(
    open_page: Opener, seeded: ServerProcess
) -> None:
    page = open_page("/history", at=seeded.url)
    caught_up(page)
    expect(runs(page)).to_have_count(9)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("button", name="Finished", exact=True).click()
    expect(runs(page)).to_have_count(5)
    expect(page).to_have_url(re.compile(r"/history\?state=finished$"))
    page.get_by_label("Person took part").select_option("pat")
    expect(names(page)).to_have_text(["Write the runbook", "Remove the feature flags"])
    page.get_by_label("By what").select_option("answered")
    expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
    page.go_back()
    expect(names(page)).to_have_text(["Write the runbook", "Remove the feature flags"])
    page.go_back()
    expect(runs(page)).to_have_count(5)
    expect(page.get_by_label("Person took part")).to_have_value("")
    page.go_forward()
    expect(names(page)).to_have_text(["Write the runbook", "Remove the feature flags"])
    expect(page.get_by_label("Person took part")).to_have_value("pat")
    shared = open_page(page.url.removeprefix(seeded.url), at=seeded.url)
    expect(names(shared)).to_have_text(["Write the runbook", "Remove the feature flags"])
    expect(shared.locator("#past-filters")).to_be_visible()
    shared.get_by_label("Tool used").select_option("write_file")
    expect(names(shared)).to_have_text(["Remove the feature flags"])
    shared.get_by_label("Cost from (USD)").fill("1000")
    shared.get_by_label("Cost from (USD)").press("Enter")
    expect(shared.get_by_role("heading", name="No run fits")).to_be_visible()
    shared.get_by_role("button", name="Show all runs").click()
    expect(runs(shared)).to_have_count(9)
    expect(shared).to_have_url(re.compile(r"/history$"))


def test_typing_is_one_place_to_go_back_to_and_a_late_answer_changes_nothing(
    open_page: Opener, seeded: ServerProcess
) -> None:
    page = open_page("/history", at=seeded.url)
    caught_up(page)
    expect(runs(page)).to_have_count(9)
    early = re.compile(r"/api/v1/history\?q=runboo&")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(early, hold)
    field = page.get_by_label("Words to find")
    field.press_sequentially("runboo", delay=1)
    page.wait_for_function("location.search === '?q=runboo'")
    field.press_sequentially("k", delay=1)
    expect(names(page)).to_have_text(["Write the runbook"])
    with page.expect_response(early):
        for route in held:
            route.continue_()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is drawn
    expect(page).to_have_url(re.compile(r"\?q=runbook$"))
    expect(names(page)).to_have_text(["Write the runbook"])
    page.go_back()
    expect(runs(page)).to_have_count(9)
    expect(field).to_have_value("")


def test_what_is_not_found_says_so_and_offers_the_ways_out(open_page: Opener, seeded: ServerProcess) -> None:
    page = open_page("/history?q=bottlen&state=finished", at=seeded.url)
    caught_up(page)
    expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
    page.get_by_role("button", name="Find beginnings of words").click()
    expect(names(page)).to_have_text(["Load test of the checkout"])
    expect(page).to_have_url(re.compile(r"q=bottlen\*"))
    expect(page.locator(".past-hit mark").first).to_have_text("bottleneck")
    page.get_by_label("Words to find").fill('" ( *')
    expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
    page.get_by_label("Words to find").fill("幂等键")
    expect(page.get_by_role("heading", name="No run fits")).to_have_count(0)
    expect(page.locator(".past-hit mark").first).to_have_text("幂等键")


def test_a_house_without_groups_leads_to_the_first(open_page: Opener, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as empty:
        page = open_page("/history", at=empty.url, width=390, theme="light")
        expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
        expect(page.get_by_role("link", name="New group").last).to_have_attribute("href", "/new")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.context.close()


def test_a_server_that_does_not_answer_is_said_and_asked_again(open_page: Opener, seeded: ServerProcess) -> None:
    page = open_page("/history", at=seeded.url)
    expect(runs(page)).to_have_count(9)
    broken = re.compile(r"/api/v1/history\?")
    page.route(broken, lambda route: route.fulfill(body="not json", content_type="text/plain", status=200))
    page.get_by_label("Words to find").fill("retry")
    expect(page.locator(".past-failed")).to_contain_text("not JSON")
    page.unroute(broken)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".past-failed")).to_have_count(0)
    expect(runs(page)).to_have_count(7)


def test_more_places_of_a_run_come_when_asked_for(open_page: Opener, seeded: ServerProcess) -> None:
    page = open_page("/history?q=retry&state=running", at=seeded.url)
    caught_up(page)
    expect(page.locator(".past-hit")).to_have_count(3)
    page.get_by_role("button", name="More places in this run").click()
    expect(page.locator(".past-hit")).to_have_count(23)
    places = page.locator(".past-hit").evaluate_all("(all) => all.map((one) => one.href)")
    assert len(set(places)) == 23


def test_the_page_is_used_by_keyboard_alone(open_page: Opener, seeded: ServerProcess) -> None:
    page = open_page("/history", at=seeded.url)
    expect(runs(page)).to_have_count(9)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(names(page).nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(names(page).nth(0)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Words to find")).to_be_focused()
    page.keyboard.type("runbook")
    expect(runs(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(names(page).first).to_be_focused()
    keyboard_focus(page, ".past-export summary")
    page.keyboard.press("Enter")
    with page.expect_download() as download:
        keyboard_focus(page, '.past-export a[href*="table=steps"]')
        page.keyboard.press("Enter")
    text = Path(download.value.path()).read_text()
    assert text.startswith("agent,agent_name,step,")
    assert text.count("\n") > 50


def test_a_finished_group_is_as_it_ended_after_a_restart(open_page: Opener, tmp_path: Path) -> None:
    home = tmp_path / "home"
    seed(home)
    with ServerProcess(home, env=STILL) as server:
        with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api:
            before = [(tile["id"], tile["state"], tile["step"]) for tile in agents(api, "seedend3")]
            thread = transcript(api, "seedend3-4")
        server.kill()
        server.start()
        page = open_page("/groups/seedend3?agent=seedend3-4", at=server.url)
        expect(page.locator(".tile")).to_have_count(len(before))
        expect(page.locator('.tile[data-id="seedend3-4"]')).to_contain_text("004")
        expect(page.locator(".gfoot")).to_contain_text("Finished: kept as it ended, read-only")
        expect(page.get_by_role("button", name="Take over")).to_have_count(0)
        page.get_by_role("tab", name="Thread").click()
        for entry in thread:
            if entry["role"] == "assistant" and entry["content"]:
                expect(page.locator(".thread")).to_contain_text(entry["content"][:80])
        with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as api:
            assert [(tile["id"], tile["state"], tile["step"]) for tile in agents(api, "seedend3")] == before
            refused = api.post("/agents/seedend3-4/take-over", json={"mode": "now"})
            assert refused.status_code == 409
            assert done(api.get("/groups/seedend3"))["status"] == "finished"
        page.context.close()


@pytest.mark.parametrize("width", [390, 1024])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_wider_than_the_screen(open_page: Opener, seeded: ServerProcess, width: int, theme: str) -> None:
    page = open_page("/history?q=retry&state=finished", at=seeded.url, width=width, theme=theme)
    expect(runs(page).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_house_with_many_ended_groups_shows_the_newest_and_more_when_asked(open_page: Opener, tmp_path: Path) -> None:
    seed(tmp_path / "home", "--ended", "150")
    with ServerProcess(tmp_path / "home", env=STILL) as server:
        page = open_page("/", at=server.url)
        cards = page.locator(".board-card-ended")
        expect(cards).to_have_count(60)
        page.get_by_role("button", name="Show older groups").click()
        expect(cards).to_have_count(156)
        expect(cards.last).to_contain_text("Ended 0")
        expect(page.get_by_role("button", name="Show older groups")).to_have_count(0)
        history = open_page("/history?state=cancelled", at=server.url)
        expect(runs(history).nth(24)).to_be_visible()
        history.keyboard.press("End")
        expect(runs(history).nth(30)).to_be_visible()
        history.context.close()
        page.context.close()
