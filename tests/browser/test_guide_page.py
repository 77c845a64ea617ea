"""The first steps in a new house: each is taken from the page, ticked off by the record, closed and brought back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agent, at_the_wheel, done, model_group, take_the_wheel, until_over, wait_for, worker_at_work
from playwright.sync_api import Locator, Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess


@pytest.fixture
def server(tmp_path: Path, folder: Path, model: ModelProcess) -> Iterator[ServerProcess]:
    """A new house for each test, in whose environment a model is found."""
    env = {
        "CLAWGROUPS_FOLDER": str(folder),
        "MOONSHOT_API_KEY": "sk-from-the-environment",
        "MOONSHOT_BASE_URL": model.base_url,
        "MOONSHOT_MODEL": "echo",
    }
    with ServerProcess(tmp_path / "home", env=env) as running:
        yield running


@pytest.fixture
def api(server: ServerProcess) -> Iterator[httpx.Client]:
    """Its API."""
    with httpx.Client(base_url=server.api, timeout=30, trust_env=False) as client:
        yield client


def step(page: Page, name: str) -> Locator:
    """One step of the guide."""
    return page.locator(f'.guide-step[data-step="{name}"]')


def is_done(page: Page, name: str, *, so: bool = True) -> None:
    """Waits until it is ticked off, or is not."""
    expect(step(page, name)).to_have_attribute("data-done", str(so).lower())


def test_the_steps_are_taken_one_by_one_and_ticked_off(
    open_page: Opener, api: httpx.Client, folder: Path, server: ServerProcess, model: ModelProcess
) -> None:
    page = open_page("/", width=390)
    expect(page.locator(".guide-sum")).to_have_text("0 of 4 done")
    expect(step(page, "see")).to_contain_text(str(folder))
    expect(step(page, "take_over")).to_contain_text("Nobody is at work now.")
    expect(page.locator(".offers:visible")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Start the survey").click()
    page.wait_for_url(re.compile(r"/groups/\w+$"))
    until_over(api, page.url.rsplit("/", 1)[1])
    page.goto(server.url)
    is_done(page, "see")
    is_done(page, "take_over", so=False)
    order = page.evaluate(
        "document.querySelector('.guide').getBoundingClientRect().top"
        " > document.querySelector('.board').getBoundingClientRect().top"
    )
    assert order, "it stands below the groups once there are some"
    page.get_by_role("button", name="Add echo at Moonshot as a member").click()
    is_done(page, "model")
    group = model_group(api, model, "conductor-1@0", "endless")
    page.get_by_role("link", name="To one at work").click()
    page.wait_for_url(f"**/groups/{group}?agent=*")
    working = worker_at_work(api, group)
    page.goto(f"{server.url}/agents/{working['id']}/drive")
    take_the_wheel(page)
    page.goto(server.url)
    is_done(page, "take_over")
    is_done(page, "people", so=False)
    expect(page.locator(".guide-sum")).to_have_text("3 of 4 done")
    page.get_by_role("link", name="Set up sign-in").click()
    page.wait_for_url("**/people")


def test_who_comes_when_all_is_over_starts_a_slow_survey_and_takes_the_wheel_there(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    body = {"name": "Over", "template": "survey", "folder": str(folder), "pace": 0, "start": True}
    until_over(api, done(api.post("/groups", json=body))["id"])
    page = open_page("/")
    is_done(page, "see")
    expect(step(page, "take_over")).to_contain_text("Nobody is at work now.")
    step(page, "take_over").get_by_role("button", name="Start a slow survey").click()
    page.wait_for_url(re.compile(r"/groups/\w+$"))
    group = page.url.rsplit("/", 1)[1]
    expect(page.locator(".crumb-here")).to_have_text(f"Slow survey of {folder.name}")
    working = worker_at_work(api, group)
    assert '"pace": 1,' in agent(api, f"{group}-1")["task"], "so slow that there is time for it"
    page.locator(f'.tile[data-id="{working["id"]}"]').click()
    page.keyboard.press("t")
    page.wait_for_url(f"**/agents/{working['id']}/drive")
    at_the_wheel(page)


def test_it_is_closed_for_good_and_brought_back_from_the_settings(open_page: Opener, server: ServerProcess) -> None:
    page = open_page("/")
    page.get_by_role("button", name="Close the guide").click()
    expect(page.locator(".guide")).to_have_count(0)
    expect(page.get_by_role("link", name=re.compile("Survey a folder"))).to_be_visible()
    expect(page.locator(".offers")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="No groups yet")).to_be_visible()
    expect(page.locator(".guide")).to_have_count(0)
    page.goto(f"{server.url}/settings")
    switch = page.get_by_role("switch", name="First steps")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    page.goto(server.url)
    expect(page.locator(".guide-sum")).to_have_text("0 of 4 done")


def test_a_survey_that_cannot_be_started_says_so_and_can_be_tried_again(
    open_page: Opener, api: httpx.Client, folder: Path, tmp_path: Path, faults: Faults
) -> None:
    faults.allow("422")
    page = open_page("/")
    button = page.get_by_role("button", name="Start the survey")
    expect(button).to_be_enabled()
    moved = folder.rename(tmp_path / "elsewhere")
    try:
        button.click()
        expect(page.locator(".say-bad")).to_contain_text(f"There is no folder {folder}.")
        expect(button).to_be_enabled()
    finally:
        moved.rename(folder)
    button.click()
    page.wait_for_url(re.compile(r"/groups/\w+$"))
    wait_for(lambda: done(api.get("/groups"))["groups"], "the survey")
