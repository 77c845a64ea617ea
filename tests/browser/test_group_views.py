"""Timeline, tree and table: the same sub-agents as on the wall, with one selection, one filter and one address."""

from __future__ import annotations

import csv
import io
import re

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agents, done, model_group, transcript, until_over, wait_for, worker_at_work
from playwright.sync_api import WebSocketRoute, expect
from view_steps import SECTIONS, VIEWS, WORKERS, busy_group, row, see, shown, tip_over

from clawgroups.testing.model_process import ModelProcess


@pytest.fixture
def group(api: httpx.Client, model: ModelProcess) -> str:
    """A group whose workers talk for long."""
    return busy_group(api, model)


def test_one_selection_one_filter_and_the_address_for_all_views(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = open_page(f"/groups/{group}")
    expect(page.locator(".tile")).to_have_count(WORKERS + 1)
    tile = agents(api, group)[3]
    page.keyboard.press("2")
    see(page, "timeline")
    assert "view=timeline" in page.url
    row(page, "timeline", tile).click()
    expect(page.locator(".drawer h2")).to_have_text(tile["name"])
    expect(row(page, "timeline", tile)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("3")
    see(page, "tree")
    expect(row(page, "tree", tile)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("4")
    see(page, "table")
    expect(row(page, "table", tile)).to_have_class(re.compile("sheet-chosen"))

    page.reload()
    see(page, "table")
    expect(row(page, "table", tile)).to_have_class(re.compile("sheet-chosen"))
    expect(page.locator(".room-tab-table")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    see(page, "tree")
    page.go_back()
    see(page, "timeline")
    page.go_back()
    expect(page.locator(".tile").first).to_be_visible()  # where no view was named yet
    assert "view=" not in page.url
    page.go_forward()
    page.go_forward()
    see(page, "tree")

    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(tile["name"])
    expect(shown(page, "tree")).to_have_count(2)  # and the conductor above it
    expect(row(page, "tree", agents(api, group)[0])).to_have_class(re.compile("tree-aside"))
    page.keyboard.press("Tab")
    for key, view in (("2", "timeline"), ("4", "table")):
        page.keyboard.press(key)
        see(page, view)
        expect(shown(page, view)).to_have_count(1)
    page.keyboard.press("1")
    expect(page.locator(".tile:not(.tile-out)")).to_have_count(1)
    page.locator('.chip-look[data-look="bad"]').click()
    page.keyboard.press("3")
    expect(page.locator(".tree")).to_contain_text("Nobody fits the filter")
    page.locator('.chip-look[data-look="bad"]').click()
    expect(shown(page, "tree")).to_have_count(2)
    done(api.post(f"/groups/{group}/cancel"))


def test_the_timeline_shows_who_drives_the_tools_and_the_critical_path_and_goes_on_live(
    open_page: Opener, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow("ERR_FAILED")
    over = model_group(
        api, model, "conductor-3@0", "worker-30@20"
    )  # half a second a step: wide enough to be pointed at
    ended = until_over(api, over)
    page = open_page(f"/groups/{over}?view=timeline")
    see(page, "timeline")
    path = page.locator(".tl-path")
    expect(path).to_contain_text(f"{ended['critical']} of {ended['steps']} steps")
    expect(path).to_have_attribute("aria-pressed", "true")
    on_it = [head.get_attribute("aria-label") for head in page.locator(".tl-head").all()]
    assert sum("on the critical path" in str(label) for label in on_it) == 2, on_it
    expect(page.get_by_role("button", name="Now", exact=True)).to_be_disabled()
    root = agents(api, over)[0]
    told = wait_for(
        lambda: next((t for x in range(1, 95) if "its sub-agents" in (t := tip_over(page, root, x / 100))), ""),
        "a wait",
    )
    assert "Waits for its sub-agents" in told

    worker = agents(api, over)[2]
    share = wait_for(
        lambda: next((x for x in range(99, 0, -1) if "Step 2" in tip_over(page, worker, x / 100)), 0), "a step"
    )
    canvas = page.locator(".tl-canvas").bounding_box()
    head = row(page, "timeline", worker).bounding_box()
    assert canvas
    assert head
    page.mouse.click(canvas["x"] + canvas["width"] * share / 100, head["y"] + 13)
    expect(page.locator(".drawer h2")).to_have_text(worker["name"])
    place = next(e["seq"] for e in transcript(api, worker["id"]) if e["step"] == 2 and e["role"] == "assistant")
    expect(page).to_have_url(re.compile(f"[?&]at={place}(&|$)"))
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator(f'.thread [data-seq="{place}"]')).to_be_visible()

    group = busy_group(api, model)
    worker = worker_at_work(api, group)
    page.goto(f"{page.url.split('/groups/')[0]}/groups/{group}?view=timeline")
    see(page, "timeline")
    expect(row(page, "timeline", worker)).to_have_attribute("data-look", "gen")
    page.route(re.compile("/api/v1/.*/timeline"), lambda route: route.abort())  # from here on the feed alone tells
    done(api.post(f"/agents/{worker['id']}/take-over", json={}))
    expect(row(page, "timeline", worker)).to_have_attribute("data-look", "hum")
    me = done(api.get("/me"))["name"]
    expect(row(page, "timeline", worker)).to_have_attribute("aria-label", re.compile(f"^{worker['name']}: {me} drives"))
    wait_for(lambda: any(me in tip_over(page, worker, x / 100) for x in range(90, 97)), "the person on the lane")
    wait_for(
        lambda: any("Taken over" in tip_over(page, worker, x / 200) for x in range(1, 199)), "the sign of the take-over"
    )
    page.mouse.move(2, 2)
    expect(page.locator(".tl-tip")).to_be_hidden()
    done(api.post(f"/groups/{group}/cancel"))
    expect(row(page, "timeline", worker)).to_have_attribute("data-look", "off")


def test_the_timeline_is_used_with_the_keyboard_the_wheel_and_by_dragging(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = open_page(f"/groups/{group}?view=timeline")
    see(page, "timeline")
    fit, now = page.get_by_role("button", name="Fit", exact=True), page.get_by_role("button", name="Now", exact=True)
    expect(fit).to_have_attribute("aria-pressed", "true")
    heads = page.locator(".tl-head")
    heads.first.focus()
    page.keyboard.press("ArrowDown")
    role = page.locator(".tl-role")
    expect(role).to_be_focused()
    expect(role).to_have_attribute("aria-label", f"worker, {WORKERS} sub-agents")
    page.keyboard.press("ArrowLeft")
    expect(role).to_have_attribute("aria-expanded", "false")
    expect(shown(page, "timeline")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(shown(page, "timeline")).to_have_count(WORKERS + 1)
    page.keyboard.press("End")
    last = agents(api, group)[-1]
    expect(row(page, "timeline", last)).to_be_focused()
    page.keyboard.press("+")
    expect(fit).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("0")
    expect(fit).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowLeft")
    expect(fit).to_have_attribute("aria-pressed", "false")
    now.click()
    expect(now).to_have_attribute("aria-pressed", "true")
    canvas = page.locator(".tl-canvas").bounding_box()
    assert canvas
    page.mouse.move(canvas["x"] + 300, canvas["y"] + 100)
    page.mouse.down()
    page.mouse.move(canvas["x"] + 360, canvas["y"] + 100, steps=4)
    page.mouse.up()
    expect(now).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".drawer")).to_be_hidden()  # a drag chooses nobody
    fit.click()
    page.keyboard.down("Control")
    page.mouse.move(canvas["x"] + 300, canvas["y"] + 100)
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(fit).to_have_attribute("aria-pressed", "false")
    page.mouse.click(canvas["x"] + 300, canvas["y"] + 26 + 14)
    expect(page.locator(".drawer h2")).to_have_text("conductor")
    done(api.post(f"/groups/{group}/cancel"))


def test_what_is_shown_is_kept_as_csv_and_no_cell_is_a_formula(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    goal = '=HYPERLINK("http://x"), and "more"'
    group = model_group(api, model, "conductor-2@0", "worker-9@0", goal=goal, name="A / hostile \\ name")
    until_over(api, group)
    page = open_page(f"/groups/{group}?view=table", width=1800)
    see(page, "table")
    page.locator(".sheet-chooser summary").click()
    page.locator(".sheet-columns").get_by_label("Driver").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator('.ag-header-cell[col-id="driver"]')).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    assert download.value.suggested_filename == "A-hostile-name-sub-agents.csv"
    text = download.value.path().read_bytes().decode()
    assert text.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [each["Name"] for each in rows] == [tile["name"] for tile in agents(api, group)]
    assert "Driver" not in rows[0]
    assert rows[0]["Task"] == f"'{agents(api, group)[0]['title']}"
    assert rows[0]["Task"].startswith("'=HYPERLINK")
    assert [int(each["Steps"]) for each in rows] == [tile["step"] for tile in agents(api, group)]
    page.reload()
    see(page, "table")
    expect(page.locator('.ag-header-cell[col-id="driver"]')).to_have_count(0)


def test_all_three_are_usable_on_a_telephone(open_page: Opener, api: httpx.Client, group: str) -> None:
    page = open_page(f"/groups/{group}", width=390, height=844)
    tile = agents(api, group)[2]
    for view in VIEWS:
        page.locator(f".room-tab-{view}").click()
        see(page, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        row(page, view, tile).click()
        expect(page.locator(".drawer h2")).to_have_text(tile["name"])
        page.get_by_role("button", name="Close (Esc)").click()
        expect(page.locator(".drawer")).to_be_hidden()
    expect(page.locator(".ag-header-cell[col-id]:not([col-id^=ag-])")).to_have_count(3)
    done(api.post(f"/groups/{group}/cancel"))


def test_a_lost_feed_makes_them_look_old_and_a_new_one_brings_them_up_to_date(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = open_page("/claw/icon.svg")
    open_ones: list[WebSocketRoute] = []
    cut = False

    def through(socket: WebSocketRoute) -> None:
        if cut:
            socket.close()
        else:
            open_ones.append(socket)
            socket.connect_to_server()

    page.route_web_socket(re.compile("/feed$"), through)
    page.goto(f"{page.url.split('/claw')[0]}/groups/{group}?view=tree")
    see(page, "tree")
    cut = True
    for socket in open_ones:
        socket.close()
    for view in VIEWS:
        page.locator(f".room-tab-{view}").click()
        expect(page.locator(f"{SECTIONS[view]} .view-stale")).to_be_visible()
    worker = worker_at_work(api, group)
    done(api.post(f"/agents/{worker['id']}/take-over", json={}))
    cut = False
    for view in ("tree", "timeline"):
        page.locator(f".room-tab-{view}").click()
        expect(page.locator(f"{SECTIONS[view]} .view-stale")).to_have_count(0)
        expect(row(page, view, worker)).to_have_attribute("data-look", "hum")
    page.locator(".room-tab-table").click()
    expect(row(page, "table", worker)).to_contain_text("drives")
    done(api.post(f"/groups/{group}/cancel"))


def test_a_draft_has_its_conductor_and_a_failed_read_can_be_tried_again(
    open_page: Opener, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow("Failed to load resource")
    group = model_group(api, model, "conductor-1", start=False)
    page = open_page("/claw/icon.svg")
    address = f"{page.url.split('/claw')[0]}/groups/{group}"
    read = re.compile("/api/v1/.*/timeline")
    page.route(read, lambda route: route.fulfill(status=500, json={"error": {"sentence": "It broke."}}))
    page.goto(f"{address}?view=timeline")
    expect(page.locator(".tl [role=alert]")).to_contain_text("It broke.")
    page.unroute(read)
    page.get_by_role("button", name="Try again").click()
    for view in VIEWS:
        page.locator(f".room-tab-{view}").click()
        see(page, view)
        expect(shown(page, view)).to_have_count(1)
