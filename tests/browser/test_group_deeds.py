"""Deeds for a whole branch of the tree, or for chosen rows: asked first, shown while they go on, told afterwards."""

from __future__ import annotations

import re

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import agent, agents, asking, done, model_group, wait_for
from playwright.sync_api import Route, expect
from view_steps import WORKERS, busy_group, confirm, row, see, shown, summary

from clawgroups.testing.model_process import ModelProcess

AT_ONCE = 6  # calls of a deed for many
STOP = """async (group) => void (await import("/claw/deeds.js")).groupDeed(group, "cancel")"""


@pytest.fixture
def group(api: httpx.Client, model: ModelProcess) -> str:
    """A group whose workers talk for long."""
    return busy_group(api, model)


def test_the_tree_sums_up_is_walked_with_the_keyboard_and_pauses_and_ends_a_whole_branch(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    page = open_page(f"/groups/{group}?view=tree")
    see(page, "tree")
    tiles = agents(api, group)
    root = row(page, "tree", tiles[0])
    expect(root).to_have_attribute("aria-label", re.compile(f", with {WORKERS} below$"))
    wait_for(
        lambda: root.locator(".tree-steps").inner_text() == str(sum(tile["step"] for tile in agents(api, group))),
        "the sum",
    )
    root.focus()
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("aria-expanded", "false")
    expect(shown(page, "tree")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(row(page, "tree", tiles[1])).to_be_focused()
    page.keyboard.press("End")
    expect(row(page, "tree", tiles[-1])).to_be_focused()
    page.keyboard.press("Home")
    expect(root).to_be_focused()
    page.keyboard.type(tiles[4]["name"])
    expect(row(page, "tree", tiles[4])).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(root).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".drawer h2")).to_be_focused()

    page.locator('.tree [data-act="pause"]').click()
    confirm(page, f"Pause {WORKERS + 1} sub-agents?", f"Pause {WORKERS + 1}")
    expect(summary(page)).to_have_text(f"{WORKERS + 1} sub-agents will pause at their next step.")
    assert all(tile["pausing"] or tile["state"] == "paused" for tile in agents(api, group))
    page.get_by_role("button", name="Undo").click()
    expect(summary(page)).to_have_text(f"{WORKERS + 1} sub-agents resumed.")
    wait_for(lambda: not any(t["pausing"] or t["state"] == "paused" for t in agents(api, group)), "all go on")
    page.locator('.tree [data-act="cancel"]').click()
    confirm(page, f"End {WORKERS + 1} sub-agents?", f"End {WORKERS + 1}")
    expect(summary(page)).to_have_text(f"{WORKERS + 1} sub-agents ended.")
    assert {tile["state"] for tile in agents(api, group)} == {"cancelled"}
    for tile in tiles:
        expect(row(page, "tree", tile)).to_have_attribute("data-look", "off")
    expect(page.locator('.tree [data-act="pause"]')).to_be_disabled()


def test_a_deed_for_many_shows_how_far_it_is_and_can_be_stopped_halfway(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = busy_group(api, model, 9)
    page = open_page(f"/groups/{group}?view=tree&agent={group}-1")
    see(page, "tree")
    held: list[Route] = []

    def hold(call: Route) -> None:
        held.append(call)

    page.route(re.compile("/api/v1/agents/.*/pause$"), hold)
    page.locator('.tree [data-act="pause"]').click()
    confirm(page, "Pause 10 sub-agents?", "Pause 10")
    expect(summary(page)).to_have_text("Pausing 0 of 10…")
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    wait_for(lambda: page.evaluate("1") and len(held) == AT_ONCE, "as many calls as go at once")
    page.get_by_role("button", name="Stop here").click()
    for call in held:
        call.continue_()
    expect(summary(page)).to_have_text(
        f"{AT_ONCE} sub-agents will pause at their next step, {10 - AT_ONCE} left as they were."
    )
    stopped = [tile for tile in agents(api, group) if tile["pausing"] or tile["state"] == "paused"]
    assert len(stopped) == len(held) == AT_ONCE
    done(api.post(f"/groups/{group}/cancel"))


def test_a_branch_is_all_steered_and_counts_what_needs_a_person(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group = model_group(api, model, "conductor-3@0", "worker-9@0", policies={"write_file": "ask"})
    asking(api, group, 3)
    page = open_page(f"/groups/{group}?view=tree")
    root = agents(api, group)[0]
    expect(row(page, "tree", root).locator(".tree-asked")).to_have_text("3")
    row(page, "tree", root).click()
    page.locator('.tree [data-act="steer"]').click()
    page.get_by_role("dialog").get_by_label("Message").fill("Write briefly.")
    confirm(page, "Steer 4 sub-agents?", "Steer 4")
    expect(summary(page)).to_have_text("4 sub-agents told.")
    assert [[s["text"] for s in agent(api, tile["id"])["steers"]] for tile in agents(api, group)] == [
        ["Write briefly."]
    ] * 4
    for request in asking(api, group, 3):
        done(api.post(f"/requests/{request['id']}/answer", json={"decision": "deny"}))
    expect(row(page, "tree", root).locator(".tree-asked")).to_have_text("")


def test_the_table_is_sorted_filtered_and_acts_on_chosen_rows_and_tells_refusals(
    open_page: Opener, api: httpx.Client, group: str, faults: Faults
) -> None:
    faults.allow("409")
    page = open_page(f"/groups/{group}?view=table", width=1800)
    see(page, "table")
    tiles = agents(api, group)
    name = page.get_by_role("columnheader", name="Name", exact=True)
    name.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(name).to_have_attribute("aria-sort", "descending")
    first = page.locator('.ag-pinned-left-cols-container .ag-row[row-index="0"]')
    expect(first).to_contain_text(tiles[-1]["name"])
    page.keyboard.press("Enter")
    boxes = page.locator(".ag-pinned-left-cols-container")
    boxes.locator(f'.ag-row[row-id="{tiles[2]["id"]}"] .ag-checkbox').click()
    row(page, "table", tiles[4]).click(modifiers=["Shift"])
    chosen = page.locator(".sheet .view-bar [role=status]")
    expect(chosen).to_contain_text("3 sub-agents chosen")
    done(api.post(f"/agents/{tiles[0]['id']}/take-over", json={}))
    expect(row(page, "table", tiles[0])).to_contain_text("drives")  # a live change
    expect(chosen).to_contain_text("3 sub-agents chosen")  # loses no choice

    page.locator('.sheet [data-act="steer"]').click()
    page.get_by_role("dialog").get_by_label("Message").fill("Look at the tests.")
    confirm(page, "Steer 3 sub-agents?", "Steer 3")
    expect(summary(page)).to_have_text("3 sub-agents told.")
    assert [len(agent(api, tile["id"])["steers"]) for tile in tiles] == [0, 0, 1, 1, 1, 0]

    page.locator('.sheet [data-act="reassign"]').click()
    page.get_by_role("dialog").get_by_label("Member").select_option(tiles[2]["member"])
    page.get_by_role("dialog").get_by_label("Reason").fill("It should be you.")
    confirm(page, "Reassign 3 sub-agents?", "Reassign 3")
    expect(summary(page)).to_have_text("0 sub-agents reassigned, 3 refused.")
    expect(page.locator(".bulk-refused li")).to_have_count(1)  # the same reason for all
    names = ", ".join(tile["name"] for tile in tiles[2:5])
    expect(page.locator(".bulk-refused")).to_contain_text(f"{names}: ")
    expect(page.locator(".bulk-refused")).to_contain_text("drives it already.")
    page.get_by_role("button", name="Dismiss").first.click()

    page.locator('.sheet [data-act="cancel"]').click()
    confirm(page, "End 3 sub-agents?", "End 3")
    expect(summary(page)).to_have_text("3 sub-agents ended.")
    assert [tile["state"] == "cancelled" for tile in agents(api, group)] == [False, False, True, True, True, False]
    page.get_by_label("Name Filter Input").fill(tiles[1]["name"])
    expect(shown(page, "table")).to_have_count(1)
    done(api.post(f"/groups/{group}/cancel"))


def test_who_is_changing_hands_is_counted_among_those_that_end(open_page: Opener, group: str) -> None:
    page = open_page(f"/groups/{group}")
    counts = {"driving": 2, "handing_over": 1, "waiting": 1, "queued": 1, "paused": 1, "done": 4}
    page.evaluate(STOP, {"id": group, "name": "It", "counts": counts})
    expect(page.get_by_role("dialog")).to_contain_text("All 6 sub-agents that are not finished end now.")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
