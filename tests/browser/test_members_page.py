"""The members page: models, programs and people come in, are tried with real calls, and leave again."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agents, done, keyboard_focus, model_group, wait_for
from playwright.sync_api import Locator, Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

KEY = "sk-the-right-key-0123456789"
VARIABLE = "A_KEY_OF_THE_TEST"
HOSTILE = '<img src=x onerror="window.pwned=1"><b>\u202etxet desrever'


@pytest.fixture(scope="module")
def locked() -> Iterator[ModelProcess]:
    """A model server that answers only who has its key."""
    with ModelProcess(rate=0, key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path, locked: ModelProcess) -> Iterator[ServerProcess]:
    """A server with the right key in its environment, and a model that is found there."""
    env = {
        "CLAWGROUPS_FOLDER": str(folder),
        VARIABLE: KEY,
        "KIMI_API_KEY": KEY,
        "KIMI_BASE_URL": locked.base_url,
        "KIMI_MODEL": "worker-1@0",
    }
    with ServerProcess(tmp_path_factory.mktemp("home"), env=env) as running:
        yield running


def member(page: Page, name: str) -> Locator:
    """The member's row."""
    return page.locator(".member", has=page.locator(".member-name bdi", has_text=re.compile(f"^{re.escape(name)}$")))


def fill_model(page: Page, name: str, base_url: str, model: str = "echo", *, key: str = "") -> Locator:
    """Fills the form that adds a model; the form."""
    form = page.locator("[data-kind=model]")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Base URL").fill(base_url)
    form.get_by_role("textbox", name="Model").fill(model)
    if key:
        form.get_by_label("Key", exact=True).select_option("paste")
        form.get_by_label("API key").fill(key)
    return form


def by_id(api: httpx.Client, name: str) -> dict[str, object]:
    """The member of that name, as the API has it."""
    return next(one for one in done(api.get("/members"))["members"] if one["name"] == name)


def test_a_model_is_tried_with_a_wrong_key_then_with_the_right_one_and_added(
    open_page: Opener, api: httpx.Client, locked: ModelProcess, server: ServerProcess
) -> None:
    page = open_page("/members")
    form = fill_model(page, "Locked model", locked.base_url, key="sk-wrong")
    form.get_by_role("button", name="Test").click()
    told = form.locator(".form-told")
    expect(told).to_contain_text("It does not work.")
    expect(told).to_contain_text("401")
    expect(told).to_contain_text("key", ignore_case=True)
    form.get_by_label("API key").fill(KEY)
    form.get_by_role("button", name="Test").click()
    expect(told).to_contain_text("It works.")
    assert not [one for one in done(api.get("/members"))["members"] if one["name"] == "Locked model"]
    form.get_by_role("button", name="Add the model").click()
    row = member(page, "Locked model")
    expect(row.locator(".member-health")).to_contain_text("Works.")
    expect(row).to_contain_text("key kept by the server")
    assert form.get_by_label("Name").input_value() == ""
    secrets = server.home / "secrets.json"
    assert KEY in secrets.read_text()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert KEY not in page.content() + kept + api.get("/members").text


def test_the_key_is_never_in_the_draft_but_the_other_words_are(open_page: Opener, locked: ModelProcess) -> None:
    page = open_page("/members")
    fill_model(page, "Half a model", locked.base_url, key=KEY)
    wait_for(lambda: "Half a model" in page.evaluate("JSON.stringify(localStorage)"), "the draft")
    page.reload()
    form = page.locator("[data-kind=model]")
    expect(form.get_by_label("Name")).to_have_value("Half a model")
    expect(form.get_by_label("API key")).to_have_value("")
    assert KEY not in page.evaluate("JSON.stringify(localStorage)")
    form.get_by_role("button", name="Start over").click()
    expect(form.get_by_label("Name")).to_have_value("")


def test_a_member_whose_test_fails_says_why_and_how_to_mend_it(
    open_page: Opener, api: httpx.Client, locked: ModelProcess
) -> None:
    endpoint = {"base_url": locked.base_url, "model": "nope", "key_ref": f"env:{VARIABLE}"}
    done(api.post("/members", json={"name": "Misnamed", "kind": "model", "model": endpoint}))
    page = open_page("/members")
    page.get_by_role("button", name="Test Misnamed").click()
    health = member(page, "Misnamed").locator(".member-health")
    expect(health).to_contain_text("Does not work.")
    expect(health).to_contain_text("nope")
    expect(health).to_contain_text("The server has: echo")
    expect(health).to_have_attribute("role", "status")
    other = open_page("/members")
    expect(member(other, "Misnamed").locator(".member-health")).to_contain_text("Does not work.")


def test_a_key_in_an_environment_variable_is_named_and_used_but_never_shown(
    open_page: Opener, api: httpx.Client, locked: ModelProcess
) -> None:
    page = open_page("/members")
    form = fill_model(page, "From the environment", locked.base_url)
    form.get_by_label("Key", exact=True).select_option("env")
    form.get_by_role("textbox", name="Environment variable").fill("not a name")
    form.get_by_role("button", name="Add the model").click()
    expect(form.locator(".wrong")).to_contain_text("letters, digits and _")
    form.get_by_role("textbox", name="Environment variable").fill(VARIABLE)
    form.get_by_label("Mode", exact=True).select_option(label="Instant")
    form.get_by_text("Prices", exact=True).click()
    form.get_by_label("Input", exact=True).fill("0.6")
    form.get_by_label("Output").fill("2.5")
    form.get_by_role("button", name="Add the model").click()
    row = member(page, "From the environment")
    expect(row.locator(".member-health")).to_contain_text("Works.")
    expect(row).to_contain_text(f"key in {VARIABLE}")
    expect(row).to_contain_text("$0.60 in")
    expect(row).to_contain_text("instant")
    model = by_id(api, "From the environment")["model"]
    assert isinstance(model, dict)
    assert (model["key_ref"], model["thinking"], model["price_out"]) == (f"env:{VARIABLE}", False, 2.5)
    assert KEY not in page.content()


def test_a_model_found_on_this_machine_is_offered_and_added(open_page: Opener, api: httpx.Client) -> None:
    page = open_page("/members")
    page.get_by_role("button", name="Add worker-1@0 at Kimi as a member").click()
    expect(member(page, "worker-1@0 at Kimi").locator(".member-health")).to_contain_text("Works.")
    expect(page.locator(".offer", has_text="worker-1@0 at Kimi")).to_have_count(0)
    page.get_by_role("button", name="Remove worker-1@0 at Kimi").click()
    page.locator("dialog[open]").get_by_role("button", name="Remove it").click()
    expect(page.locator(".offer", has_text="worker-1@0 at Kimi")).to_be_visible()


def test_a_member_is_removed_only_after_a_question(open_page: Opener, api: httpx.Client) -> None:
    done(api.post("/members", json={"name": "Goes soon", "kind": "person"}))
    page = open_page("/members")
    remove = page.get_by_role("button", name="Remove Goes soon")
    remove.click()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(member(page, "Goes soon")).to_be_visible()
    remove.click()
    page.locator("dialog[open]").get_by_role("button", name="Remove it").click()
    expect(member(page, "Goes soon")).to_have_count(0)
    expect(page.locator(".say-ok")).to_contain_text("Goes soon is no longer a member.")


def test_a_model_is_changed_where_it_stands_and_what_is_emptied_goes_back(
    open_page: Opener, api: httpx.Client, locked: ModelProcess
) -> None:
    model = {"base_url": locked.base_url, "model": "echo", "api_key": KEY, "thinking": True, "temperature": 0.6}
    kept = {"extra_body": {"top_k": 5}, "max_tokens": 512, "price_in": 0.15}
    done(api.post("/members", json={"name": "To change", "kind": "model", "skills": ["a"], "model": model | kept}))
    page = open_page("/members")
    page.get_by_role("button", name="Change To change").click()
    form = page.locator(".members-edit")
    expect(form.get_by_label("Name")).to_be_focused()
    expect(form.get_by_label("Base URL")).to_have_value(locked.base_url)
    expect(form.get_by_label("Key", exact=True)).to_have_value("kept")
    expect(form.get_by_role("combobox", name="Mode")).to_have_value("true")
    form.get_by_role("button", name="Test").click()
    expect(form.locator(".form-told")).to_contain_text("It works.")  # with the key that nobody sees
    form.get_by_label("Name").fill("Changed now")
    form.get_by_role("combobox", name="Mode").select_option("null")
    form.locator("summary", has_text="Sampling").click()
    expect(form.get_by_label("Temperature")).to_have_value("0.6")
    form.get_by_label("Temperature").fill("")
    form.locator("summary", has_text="Profile").click()
    form.get_by_label("Skills").fill("")
    form.get_by_role("button", name="Save").click()
    expect(member(page, "Changed now").locator("[data-health=ok]")).to_be_visible()  # tried again by itself
    expect(page.locator(".members-edit .form")).to_have_count(0)
    expect(page.get_by_role("button", name="Change Changed now")).to_be_focused()
    now = by_id(api, "Changed now")
    found = now["model"]
    assert isinstance(found, dict)
    assert found["key_ref"].startswith("secret:")
    assert {name: found.get(name) for name in kept} == kept
    assert (now["skills"], found.get("thinking"), found.get("temperature")) == ([], None, None)


def test_a_key_is_taken_away_and_a_command_keeps_its_words(
    open_page: Opener, api: httpx.Client, locked: ModelProcess, faults: Faults
) -> None:
    faults.allow("422")
    model = {"base_url": locked.base_url, "model": "echo", "api_key": KEY}
    done(api.post("/members", json={"name": "Loses its key", "kind": "model", "model": model}))
    command = [sys.executable, "-c", """print('a "word" of its own')""", ""]
    program = {"command": command}
    done(api.post("/members", json={"name": "Keeps its words", "kind": "program", "program": program}))
    page = open_page("/members")
    form = page.locator(".members-edit")
    page.get_by_role("button", name="Change Loses its key").click()
    form.get_by_label("Key", exact=True).select_option("none")
    form.get_by_role("button", name="Test").click()
    expect(form.locator(".form-told")).to_contain_text("It does not work.")
    form.get_by_role("button", name="Save").click()
    expect(member(page, "Loses its key")).to_contain_text("no key")
    page.get_by_role("button", name="Change Keeps its words").click()
    form.get_by_label("Name").fill("Loses its key")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert").first).to_contain_text("'Loses its key' already")
    form.get_by_label("Name").fill("Kept its words")
    form.get_by_role("button", name="Save").click()
    expect(member(page, "Kept its words")).to_be_visible()
    assert by_id(api, "Kept its words")["program"] == {"command": command}
    page.get_by_role("button", name="Change Kept its words").click()
    form.get_by_role("button", name="Cancel").click()
    expect(page.locator("#add-title")).to_be_visible()
    expect(page.get_by_role("button", name="Change Kept its words")).to_be_focused()


def test_a_member_at_work_shows_its_load_and_cannot_be_removed(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "endless")
    wait_for(lambda: agents(api, group)[0]["driver"], "a driver")
    lead = done(api.get(f"/groups/{group}"))["conductor"]
    name = next(one["name"] for one in done(api.get("/members"))["members"] if one["id"] == lead)
    page = open_page("/members")
    expect(member(page, name).locator(".member-load")).to_contain_text("1")
    page.get_by_role("button", name=f"Remove {name}").click()
    page.locator("dialog[open]").get_by_role("button", name="Remove it").click()
    expect(page.locator(".say-bad")).to_contain_text("in group")
    done(api.post(f"/groups/{group}/cancel"))
    expect(member(page, name).locator(".member-load b")).to_have_text("0")


def test_what_a_member_is_busy_with_moves_by_itself_and_is_told_in_words_too(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-5@0", "endless")
    worker = done(api.get(f"/groups/{group}"))["worker"]
    name = next(one["name"] for one in done(api.get("/members"))["members"] if one["id"] == worker)
    page = open_page("/members", width=390)
    load = member(page, name).locator(".member-load")
    expect(load).to_contain_text("no limit")
    expect(load).to_contain_text("tokens/s")
    done(api.patch(f"/members/{worker}", json={"capacity": 4}))
    meter = load.get_by_role("meter")
    expect(meter).to_have_attribute("aria-valuetext", "5 of 4 seats in use")
    expect(load).to_contain_text("all in use")
    done(api.post(f"/groups/{group}/cancel"))
    expect(meter).to_have_attribute("aria-valuetext", "0 of 4 seats in use")
    expect(load).not_to_contain_text("tokens/s")


def test_the_last_error_of_a_member_leads_to_where_it_was(open_page: Opener, api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import sys\nsys.stdin.readline()\nprint('<b>no json</b>')\n")
    program = {"command": [sys.executable, str(tmp_path / "broken.py")]}
    broken = done(api.post("/members", json={"name": "Breaks", "kind": "program", "program": program}))["id"]
    page = open_page("/members")
    expect(member(page, "Breaks").locator(".member-error")).to_have_count(0)
    made = done(api.post("/groups", json={"name": "Broken", "goal": "x", "conductor": broken, "start": True}))
    error = member(page, "Breaks").locator(".member-error")
    expect(error).to_contain_text("is not of the protocol")
    expect(error).to_contain_text("<b>no json</b>")
    error.get_by_role("link", name="Where it was").click()
    page.wait_for_url(f"**/groups/{made['id']}?agent={made['root']}")
    done(api.post(f"/groups/{made['id']}/cancel"))


def test_a_program_is_added_by_its_command_and_really_started_by_its_test(
    open_page: Opener, api: httpx.Client, tmp_path: Path
) -> None:
    script = tmp_path / "says it.py"
    script.write_text('import json, sys\nsys.stdin.readline()\nprint(json.dumps({"type": "result", "text": "here"}))\n')
    page = open_page("/members")
    page.get_by_role("button", name="Program", exact=True).click()
    form = page.locator("[data-kind=program]")
    form.get_by_label("Name").fill("A script")
    form.get_by_label("Command").fill(f"{sys.executable} '{script}")
    form.get_by_role("button", name="Add the program").click()
    expect(form.locator(".wrong")).to_contain_text("is not closed")
    form.get_by_label("Command").fill(f"{sys.executable} '{script}'")
    expect(form.locator(".form-argv code")).to_have_text([sys.executable, str(script)])
    form.get_by_role("button", name="Add the program").click()
    expect(member(page, "A script").locator(".member-health")).to_contain_text("here")
    assert by_id(api, "A script")["program"] == {"command": [sys.executable, str(script)]}


def test_a_program_that_is_not_there_says_so_before_it_is_added(open_page: Opener) -> None:
    page = open_page("/members")
    page.get_by_role("button", name="Program", exact=True).click()
    form = page.locator("[data-kind=program]")
    form.get_by_label("Command").fill("/no/such/program")
    form.get_by_role("button", name="Test").click()
    expect(form.locator(".form-told-bad")).to_contain_text("cannot be started")


def test_a_name_that_is_taken_is_told_at_the_name(open_page: Opener, api: httpx.Client, faults: Faults) -> None:
    faults.allow("422")
    done(api.post("/members", json={"name": "Taken", "kind": "person"}))
    page = open_page("/members")
    page.get_by_role("button", name="Person", exact=True).click()
    form = page.locator("[data-kind=person]")
    form.get_by_label("Name").fill("taken")
    form.get_by_role("button", name="Add the person").click()
    expect(form.locator("[data-field=name] .wrong")).to_contain_text("There is a member named 'taken' already.")


def test_a_person_is_added_with_the_keyboard_alone(open_page: Opener, api: httpx.Client) -> None:
    page = open_page("/members")
    expect(page.locator(".member").first).to_be_visible()
    keyboard_focus(page, ".members-kinds > button:last-child")
    page.keyboard.press("Enter")
    expect(page.locator("[data-kind=person]")).to_be_visible()
    keyboard_focus(page, "[data-kind=person] [data-field=name] input")
    page.keyboard.type("Typed Person")
    keyboard_focus(page, "[data-kind=person] button[type=submit]")
    page.keyboard.press("Enter")
    expect(member(page, "Typed Person")).to_contain_text("person")
    assert by_id(api, "Typed Person")["kind"] == "person"


def test_hostile_members_stay_words_and_break_no_layout(open_page: Opener, api: httpx.Client) -> None:
    endpoint = {"base_url": "http://127.0.0.1:1/" + "p" * 900, "model": "<script>" + "q" * 200}
    body = {"kind": "model", "name": HOSTILE + "M" * 60, "description": HOSTILE + "y" * 1_500, "model": endpoint}
    made = done(api.post("/members", json=body))
    for width in (1440, 1024, 390):
        page = open_page("/members", width=width)
        expect(page.locator(f'[data-member="{made["id"]}"]')).to_contain_text(HOSTILE)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("window.pwned") is None


def test_members_of_the_installation_cannot_be_removed_and_every_field_has_a_label(open_page: Opener) -> None:
    page = open_page("/members")
    expect(member(page, "Survey worker")).to_contain_text("bundled")
    expect(page.get_by_role("button", name="Remove Survey worker")).to_have_count(0)
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('main input, main select, main textarea')].filter(e => !e.labels.length).length"
    )
    assert unlabelled == 0
