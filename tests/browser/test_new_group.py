"""The form that makes a group: what it checks, what it keeps, and that it leads into a group that runs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agents, done, keyboard_focus, until_over, wait_for
from playwright.sync_api import Page, WebSocketRoute, expect

from clawgroups.testing.server_process import ServerProcess

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>\u202etxet desrever'
GROUP_PAGE = re.compile(r"/groups/(\w+)$")


def group_of(page: Page) -> str:
    """The id of the group whose page is open, once it is."""
    page.wait_for_url(GROUP_PAGE)
    found = GROUP_PAGE.search(page.url)
    assert found
    return found[1]


def ready(page: Page) -> Page:
    """The page, once the form has heard what its folder holds."""
    expect(page.get_by_text(re.compile("sub-agent each"))).to_be_visible()
    return page


def test_a_survey_of_a_folder_is_made_by_the_form_and_runs(open_page: Opener, api: httpx.Client, folder: Path) -> None:
    page = open_page("/new")
    expect(page.get_by_role("textbox", name="Folder")).to_have_value(str(folder))
    expect(page.get_by_text("3 files get a sub-agent each.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_attribute(
        "placeholder", f"Survey of {folder.name}"
    )
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Words a second of the bundled worker").fill("0")
    page.get_by_role("button", name="Create and start").click()
    group = group_of(page)
    expect(page.locator(".crumb-here")).to_have_text(f"Survey of {folder.name}")
    over = until_over(api, group)
    assert over["folder"] == str(folder.resolve())
    assert over["counts"]["done"] == 4


def test_a_wrong_folder_is_told_at_the_field_and_the_words_stay(
    open_page: Opener, api: httpx.Client, folder: Path
) -> None:
    page = ready(open_page("/new"))
    before = len(done(api.get("/groups"))["groups"])
    page.get_by_label("Standing rules").fill("Be brief.")
    page.get_by_role("textbox", name="Folder").fill(str(folder / "nowhere"))
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("[data-field=folder] .wrong")).to_contain_text(f"There is no folder {folder / 'nowhere'}.")
    expect(page.get_by_role("textbox", name="Folder")).to_be_focused()
    expect(page.locator(".form-failed")).to_contain_text("Folder")
    page.get_by_role("textbox", name="Folder").fill(str(folder / "hello.py"))
    expect(page.locator("[data-field=folder] .wrong")).to_contain_text("is a file, not a folder")
    expect(page.get_by_label("Standing rules")).to_have_value("Be brief.")
    wait_for(lambda: "hello.py" in str(page.evaluate("localStorage.getItem('claw-form:you:new-group')")), "the draft")
    page.reload()
    expect(page.get_by_label("Standing rules")).to_have_value("Be brief.")
    expect(page.get_by_role("textbox", name="Folder")).to_have_value(str(folder / "hello.py"))
    assert len(done(api.get("/groups"))["groups"]) == before


def test_a_group_that_was_made_leaves_no_draft_behind(open_page: Opener) -> None:
    page = ready(open_page("/new"))
    page.get_by_role("textbox", name="Name", exact=True).fill("Drafted once")
    page.get_by_label("Start right away").uncheck()
    page.get_by_role("button", name="Create the group").click()
    group_of(page)
    page.goto(page.url.split("/groups")[0] + "/new")
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("")


def test_limits_and_tool_policies_reach_the_group(open_page: Opener, api: httpx.Client) -> None:
    page = ready(open_page("/new"))
    page.get_by_label("Start right away").uncheck()
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Sub-agents at once").fill("7")
    page.get_by_label("Steps of the whole group").fill("90")
    page.get_by_label("Budget in USD").fill("2.5")
    page.get_by_label("Hours").fill("1.5")
    page.get_by_text("What the tools may do", exact=True).click()
    page.get_by_role("group", name="write_file", exact=True).locator("[data-policy=ask]").click()
    page.get_by_role("group", name="read_file", exact=True).locator("[data-policy=deny]").click()
    expect(page.locator(".form-brief")).to_contain_text("2 changed")
    page.get_by_role("button", name="Create the group").click()
    made = done(api.get(f"/groups/{group_of(page)}"))
    assert made["status"] == "draft"
    limits = made["limits"]
    assert (limits["max_live"], limits["max_steps"], limits["budget_usd"], limits["hours"]) == (7, 90, 2.5, 1.5)
    tools = done(api.get(f"/agents/{made['root']}"))["tools"]
    policies = {tool["name"]: tool["policy"] for tool in tools}
    assert policies["write_file"] == "ask"
    assert "read_file" not in policies


@pytest.mark.parametrize(
    ("label", "value", "told"),
    [
        ("Sub-agents at once", "0", "Between 1 and 1,000."),
        ("Steps of the whole group", "many", "Write a number"),
        ("Steps of the whole group", "1.5", "Write a whole number."),
        ("Budget in USD", "-1", "Between 0 and"),
    ],
)
def test_a_limit_that_does_not_fit_is_told_at_its_field(open_page: Opener, label: str, value: str, told: str) -> None:
    page = ready(open_page("/new"))
    fold = page.get_by_text("Limits", exact=True)
    fold.click()
    page.get_by_label(label).fill(value)
    fold.click()
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator(".wrong", has_text=told)).to_be_visible()
    expect(page.get_by_label(label)).to_be_focused()
    assert page.url.endswith("/new")


def test_what_the_api_refuses_lands_at_its_field(open_page: Opener, faults: Faults) -> None:
    faults.allow("422")
    page = ready(open_page("/new"))
    page.get_by_label("Standing rules").fill("no database holds this: ")
    page.evaluate("() => { const a = document.querySelector('[data-field=rules] textarea'); a.value += '\\0';"
                  " a.dispatchEvent(new Event('input')); }")  # fmt: skip
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("[data-field=rules] .wrong")).to_contain_text("NUL")
    expect(page.get_by_label("Standing rules")).to_be_focused()


def test_a_goal_of_ones_own_is_conducted_by_a_person_only_where_that_was_chosen(
    open_page: Opener, api: httpx.Client
) -> None:
    page = open_page("/new?template=goal")
    expect(page.locator(".form-pick", has_text="A goal of your own")).to_contain_text("needs a model")
    expect(page.get_by_role("region", name="It needs a model")).to_contain_text("no model is a member yet")
    expect(page.locator("[data-field=conductor_goal] option:checked")).to_have_text("Choose a member…")
    expect(page.locator(".form-guess-sum")).to_have_text("The estimate waits until this is chosen: Conductor.")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("[data-field=goal] .wrong")).to_have_text("Say what the group is to reach.")
    page.get_by_role("textbox", name="Goal").fill(
        "Write down what the folder is for, and who should read it first of all."
    )
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("[data-field=conductor_goal] .wrong")).to_have_text("Choose who conducts.")
    page.get_by_role("combobox", name="Conductor").select_option("you")
    page.get_by_role("button", name="Create and start").click()
    made = done(api.get(f"/groups/{group_of(page)}"))
    assert made["name"] == "Write down what the folder is for, and…"
    assert made["conductor"] == "you"
    assert made["template"] == ""


def test_what_a_program_can_do_is_preset_to_one_and_what_needs_a_model_to_nobody(
    open_page: Opener, api: httpx.Client
) -> None:
    worker = "[data-field=worker_list] option:checked"
    page = open_page("/new?template=list")
    expect(page.locator(worker)).to_have_text("Choose a member…")
    body = {"name": "Line counter", "kind": "program", "program": {"command": ["wc", "-l"]}}
    program = done(api.post("/members", json=body))["id"]
    try:
        page = open_page("/new?template=list")
        expect(page.locator(worker)).to_have_text("Line counter (program)")
        for template in ("goal", "swarm", "review"):
            page = open_page(f"/new?template={template}")
            expect(page.locator("[data-field=conductor_goal] option:checked")).to_have_text("Choose a member…")
    finally:
        done(api.delete(f"/members/{program}"))


def test_a_path_under_the_home_folder_may_be_written_short(open_page: Opener, api: httpx.Client) -> None:
    with tempfile.TemporaryDirectory(dir=Path.home()) as made:
        (Path(made) / "one.txt").write_text("One line.\n")
        page = ready(open_page("/new"))
        page.get_by_role("textbox", name="Folder").fill(f"~/{Path(made).name}")
        expect(page.get_by_text("1 file gets a sub-agent each.")).to_be_visible()
        page.get_by_role("button", name="Create and start").click()
        over = until_over(api, group_of(page))
        assert over["folder"] == str(Path(made).resolve())


def test_a_late_answer_of_the_page_does_not_wipe_out_what_the_form_has_said(
    page: Page, server: ServerProcess, folder: Path
) -> None:
    held: list[Callable[[], None]] = []

    def hold_back(browser_side: WebSocketRoute) -> None:
        def said(message: str | bytes) -> None:
            empty = "hear" in str(message) and str(folder) not in str(message)
            held.append(lambda: browser_side.send(message)) if empty else browser_side.send(message)

        browser_side.connect_to_server().on_message(said)

    page.route_web_socket(re.compile("/_nicegui_ws/"), hold_back)
    page.goto(f"{server.url}/new?template=goal")
    wait_for(lambda: page.wait_for_timeout(50) or len(held) == 2, "an answer for the goal and one for the folder")
    page.get_by_role("button", name="Create and start").click()
    wait_for(lambda: page.wait_for_timeout(50) or len(held) == 4, "the answers to what was asked on sending")
    for send in held[:2]:
        send()
    expect(page.locator("[data-field=goal] .wrong")).to_have_text("Say what the group is to reach.")
    expect(page.get_by_role("textbox", name="Goal")).to_be_focused()
    for send in held[2:]:
        send()
    page.get_by_label("Folder to work on").fill(str(folder))
    expect(page.get_by_text("The folder is there, with 3 files.")).to_be_visible()
    expect(page.locator("[data-field=goal] .wrong")).to_have_text("Say what the group is to reach.")


def test_a_git_worktree_needs_a_repository(open_page: Opener, folder: Path) -> None:
    page = open_page("/new?template=goal")
    page.get_by_label("Folder to work on").fill(str(folder))
    expect(page.get_by_text("The folder is there, with 3 files.")).to_be_visible()
    page.get_by_label("How it is given").select_option("worktree")
    expect(page.locator("[data-field=folder_goal] .wrong")).to_contain_text("is not a git repository")


def test_every_member_says_whether_it_is_a_program_a_model_or_a_person(open_page: Opener) -> None:
    page = ready(open_page("/new"))
    conductor = page.get_by_label("Conductor", exact=True)
    expect(conductor.locator("option:checked")).to_have_text("Survey conductor (program)")
    expect(page.locator("[data-field=conductor] .form-about")).to_contain_text("not a model")
    expect(conductor.locator("optgroup[label=People] option")).to_have_count(1)


def test_the_form_is_filled_and_sent_with_the_keyboard_alone(open_page: Opener, api: httpx.Client) -> None:
    page = ready(open_page("/new"))
    page.locator("body").press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    keyboard_focus(page, "input[type=radio][value=survey]")
    page.keyboard.press("ArrowRight")
    keyboard_focus(page, "[data-field=goal] textarea")
    page.keyboard.type("Made without a mouse.")
    keyboard_focus(page, "[data-field=conductor_goal] select")
    page.keyboard.press("End")  # people come last
    keyboard_focus(page, "details summary")
    page.keyboard.press("Enter")
    keyboard_focus(page, "[data-field='limits.max_live'] input")
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    keyboard_focus(page, ".form-end input[type=checkbox]")
    page.keyboard.press("Space")
    keyboard_focus(page, "button[type=submit]")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "one sees where one is"
    page.keyboard.press("Enter")
    made = done(api.get(f"/groups/{group_of(page)}"))
    assert (made["goal"], made["status"], made["limits"]["max_live"]) == ("Made without a mouse.", "draft", 3)


def test_hostile_words_stay_words_all_the_way(open_page: Opener, api: httpx.Client) -> None:
    page = open_page("/new?template=goal", width=390)
    page.get_by_role("textbox", name="Goal").fill(HOSTILE + "W" * 10_000)
    page.get_by_role("textbox", name="Name", exact=True).fill(HOSTILE[:120])
    page.get_by_role("combobox", name="Conductor").select_option("you")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Create and start").click()
    made = done(api.get(f"/groups/{group_of(page)}"))
    assert made["goal"] == HOSTILE + "W" * 10_000
    expect(page.locator(".crumb-here")).to_have_text(made["name"])
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("path", ["/new", "/new?template=goal"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_width_makes_the_form_scroll_sideways_and_every_field_has_a_label(
    open_page: Opener, path: str, width: int
) -> None:
    page = open_page(path, width=width)
    for summary in page.locator("details summary").all():
        summary.click()
    expect(page.get_by_role("group", name="write_file", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('main input, main select, main textarea')].filter(e => !e.labels.length).length"
    )
    assert unlabelled == 0


def test_a_second_press_of_the_button_makes_no_second_group(open_page: Opener, api: httpx.Client) -> None:
    page = ready(open_page("/new"))
    page.get_by_role("textbox", name="Name", exact=True).fill("Only once")
    page.get_by_label("Start right away").uncheck()
    page.get_by_role("button", name="Create the group").dblclick()
    group = group_of(page)
    assert agents(api, group)
    made = [one["id"] for one in done(api.get("/groups"))["groups"] if one["name"] == "Only once"]
    assert made == [group]
