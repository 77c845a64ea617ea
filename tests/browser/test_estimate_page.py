"""The estimate beside the form: it follows the form, never shows a late answer, and says what nobody knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import httpx
from browser_faults import Faults, Opener
from browser_steps import done, model_group, model_member, until_over, wait_for
from playwright.sync_api import Page, Route, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

SUM = ".form-guess-sum"


def test_it_follows_the_form_and_says_from_what_it_is_known(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-3@0", "worker-9@0")
    over = until_over(api, group)
    done(api.patch(f"/members/{over['worker']}", json={"model": {"price_in": 1000.0, "price_out": 4000.0}}))
    page = open_page("/new?template=goal")
    page.get_by_role("combobox", name="Conductor").select_option(over["conductor"])
    page.get_by_role("combobox", name="Workers").select_option(over["worker"])
    guess = page.locator(".form-guess")
    expect(guess.locator(SUM)).to_contain_text(re.compile(r"about \$[\d.,]+.* steps · "))
    expect(guess).to_contain_text("From 3 earlier tasks of")
    expect(guess).to_contain_text("No price is known for")
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Budget in USD").fill("0.01")
    expect(guess).to_contain_text("At $0.01, your budget, it stops and asks you.")
    page.get_by_label("Budget in USD").fill("much")
    expect(guess.locator(SUM)).to_have_text("The estimate waits: Budget in USD needs another look.")
    page.get_by_label("Budget in USD").fill("0")
    expect(guess.locator(SUM)).to_contain_text("about $")


def test_where_nothing_has_run_it_says_so_and_names_the_budget(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    worker = model_member(api, model, "worker-9@0")
    page = open_page("/new?template=swarm")
    page.get_by_role("combobox", name="Workers").select_option(worker)
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Budget in USD").fill("2.5")
    page.get_by_role("combobox", name="Conductor").select_option(worker)
    expect(page.locator(SUM)).to_contain_text(re.compile("Nothing has run with worker-9@0.* yet; at most your budget"))


def test_a_late_answer_never_stands_over_a_newer_one(page: Page, server: ServerProcess) -> None:
    held: list[Callable[[], None]] = []

    def answer(route: Route) -> None:
        lines = (route.request.post_data_json or {}).get("lines", "")
        body = {"known": True, "each": False, "sentence": f"for {lines}", "agents_from": "", "from": "", "notes": [],
                "bounds": []}  # fmt: skip
        fulfil = lambda: route.fulfill(content_type="application/json", body=json.dumps(body))  # noqa: E731
        held.append(fulfil) if lines == "old" else fulfil()

    page.route("**/api/v1/estimate", answer)
    page.goto(f"{server.url}/new?template=list")
    page.get_by_label("Who does the tasks").select_option("you")
    field = page.get_by_role("textbox", name="The list")
    field.fill("old")
    wait_for(lambda: page.wait_for_timeout(20) or held, "the first question")
    field.fill("new")
    expect(page.locator(SUM)).to_have_text("for new")
    page.evaluate(
        "() => { window.said = []; const sum = () => document.querySelector('.form-guess-sum').textContent;"
        " new MutationObserver(() => window.said.push(sum())).observe(document.querySelector('.form-guess'),"
        " {subtree: true, characterData: true, childList: true}); }"
    )
    with page.expect_response("**/estimate"):
        held[0]()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert "for old" not in page.evaluate("window.said")
    expect(page.locator(SUM)).to_have_text("for new")


def test_an_error_is_said_and_the_form_goes_on(page: Page, server: ServerProcess, faults: Faults) -> None:
    faults.allow("500")
    faults.watch(page)
    broken = {"error": {"code": "error", "sentence": "The record cannot be read.", "hint": "Try again."}}
    page.route(
        "**/api/v1/estimate",
        lambda route: route.fulfill(status=500, content_type="application/json", body=json.dumps(broken)),
    )
    page.goto(f"{server.url}/new?template=list")
    page.get_by_label("Who does the tasks").select_option("you")
    expect(page.locator(SUM)).to_have_text("The record cannot be read. Try again.")
    page.unroute("**/api/v1/estimate")
    page.get_by_role("textbox", name="The list").fill("ring the bell")
    expect(page.locator(SUM)).to_contain_text("Nothing has run with")
