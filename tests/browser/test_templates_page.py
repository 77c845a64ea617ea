"""Templates on the new-group page: each asks for what it needs, runs, and is made from a group under a name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agent, done, model_member, survey, until_over, wait_for
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

HOSTILE = '<img src=x onerror="window.pwned=1">\u202etxet'
SAYS_IT = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "task":
        print(json.dumps({"type": "result", "text": "Did: " + message["task"].splitlines()[-1]}), flush=True)
"""


def group_of(page: Page) -> str:
    """The id of the group whose page is open, once it is."""
    page.wait_for_url(re.compile(r"/groups/(\w+)$"))
    return page.url.rsplit("/", 1)[1]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in which one file has changed since its last commit."""
    place = tmp_path / "shop"
    place.mkdir()
    (place / "cart.py").write_text("value = 1\n")
    for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@h", *args], cwd=place, check=True)
    (place / "cart.py").write_text("value = 2\n")
    return place


def test_a_template_that_needs_a_model_says_so_and_leads_to_the_members(
    open_page: Opener, repository: Path, api: httpx.Client, model: ModelProcess
) -> None:
    page = open_page("/new?template=review")
    needs = page.get_by_role("region", name="It needs a model")
    expect(needs).to_contain_text("no model is a member yet")
    expect(needs.get_by_role("link")).to_have_attribute("href", "/members")
    page.get_by_text("Do this list").click()
    expect(needs).to_have_count(0)
    lead = model_member(api, model, "conductor-1@0")
    page = open_page("/new?template=review")
    expect(page.get_by_role("textbox", name="Repository")).to_be_visible()
    expect(page.get_by_role("region", name="It needs a model")).to_have_count(0)
    page.get_by_role("textbox", name="Repository").fill(str(repository))
    expect(page.get_by_text("1 file has changed, 2 lines.")).to_be_visible()
    page.get_by_role("textbox", name="From").fill("no-such-branch")
    expect(page.locator("[data-field=base] .wrong")).to_contain_text("There is no commit 'no-such-branch'")
    page.get_by_role("textbox", name="Repository").fill(f"{repository}-gone")
    expect(page.locator("[data-field=folder_review] .wrong")).to_contain_text("There is no folder")
    expect(page.locator("[data-field=base] .wrong")).to_have_count(0)  # it was said of another repository
    page.get_by_role("textbox", name="Repository").fill(str(repository))
    page.get_by_role("textbox", name="From").fill("")
    page.get_by_role("combobox", name="Conductor").select_option(lead)
    page.get_by_role("button", name="Create and start").click()
    over = until_over(api, group_of(page))
    assert over["template"] == "review"
    assert "+value = 2" in agent(api, over["root"])["task"]


def test_a_list_is_written_given_to_a_program_and_done(open_page: Opener, api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(SAYS_IT)
    body = {"name": "Says it", "kind": "program", "program": {"command": [sys.executable, str(tmp_path / "says.py")]}}
    worker = done(api.post("/members", json=body))["id"]
    page = open_page("/new?template=list", width=390)
    expect(page.locator("[data-field=lines]")).to_be_visible()
    for hidden in ("folder", "folder_review", "goal_swarm", "conductor", "limits.max_live"):
        expect(page.locator(f'[data-field="{hidden}"]')).to_have_count(0)
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("[data-field=lines] .wrong")).to_have_text("Write one task on each line.")
    page.get_by_role("textbox", name="The list").fill(f"- one {HOSTILE}\n\n2. two\n")
    expect(page.locator("[data-field=lines] .form-note")).to_have_text("2 tasks.")
    page.get_by_label("Who does the tasks").select_option(worker)
    page.get_by_label("Tasks at once").fill("1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Create and start").click()
    over = until_over(api, group_of(page))
    assert (over["name"], over["limits"]["max_live"], over["counts"]["done"]) == ("A list of 2 tasks", 1, 3)
    page.goto(f"{page.url}?view=result")
    expect(page.locator(".result")).to_contain_text("2 of 2 tasks are done.")
    assert page.evaluate("window.pwned") is None


def test_a_group_is_saved_as_a_template_used_renamed_and_removed(
    open_page: Opener, api: httpx.Client, folder: Path, server: ServerProcess, faults: Faults
) -> None:
    faults.allow("422")
    group = survey(api, folder, pace=0, limit=2, rules="Be brief.", limits={"max_steps": 77})
    until_over(api, group)
    page = open_page(f"/groups/{group}")
    page.get_by_role("button", name="Save as a template").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Name").fill(f"Nightly {HOSTILE}")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".say-ok")).to_contain_text("Saved.")
    page.goto(f"{server.url}/new")
    page.get_by_role("link", name=f"Nightly {HOSTILE}").click()
    page.wait_for_url("**/new?template=*")
    expect(page.get_by_label("Standing rules")).to_have_value("Be brief.")
    page.get_by_text("Limits", exact=True).click()
    expect(page.get_by_label("Steps of the whole group")).to_have_value("77")
    expect(page.get_by_label("Files at most")).to_have_value("2")
    page.get_by_role("button", name="Create and start").click()
    again = until_over(api, group_of(page))
    assert (again["rules"], again["limits"]["max_steps"], again["counts"]["done"]) == ("Be brief.", 77, 3)
    saved = next(one for one in done(api.get("/templates"))["templates"] if one["saved"])
    done(api.post("/templates", json={"name": "Taken", "group": group}))
    page.goto(f"{server.url}/new")
    one = page.locator(f'[data-template="{saved["id"]}"]')
    one.get_by_role("button", name="Rename").click()
    dialog.get_by_label("Name").fill("taken")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog.locator(".ask-problem")).to_contain_text("There is a template named 'taken' already.")
    dialog.get_by_label("Name").fill("Weekly")
    dialog.get_by_role("button", name="Rename").click()
    expect(one).to_contain_text("Weekly")
    one.get_by_role("button", name="Remove Weekly").click()
    page.locator("dialog[open]").get_by_role("button", name="Remove it").click()
    expect(one).to_have_count(0)
    wait_for(
        lambda: saved["id"] not in [t["id"] for t in done(api.get("/templates"))["templates"]], "the template gone"
    )
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("template", ["review", "swarm", "list"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_width_makes_a_template_scroll_sideways_and_every_field_has_a_label(
    open_page: Opener, template: str, width: int
) -> None:
    page = open_page(f"/new?template={template}", width=width)
    expect(page.locator(".form-guess-sum")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('main input, main select, main textarea')].filter(e => !e.labels.length).length"
    )
    assert unlabelled == 0
