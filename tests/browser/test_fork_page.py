"""A sub-agent is forked from one of its steps in the page; the fork runs on, in a workspace as it was then."""

from __future__ import annotations

import httpx
from browser_faults import Faults, Opener
from browser_steps import Json, agent, agents, done, model_group, transcript, until_state, wait_for
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess


def two_steps_made(api: httpx.Client, model: ModelProcess) -> tuple[str, Json]:
    """A group whose worker has listed its folder and written a note, and now writes its last words, slowly."""
    group = model_group(api, model, "conductor-1@0", "worker-180@15")

    def look() -> Json | None:
        children = [tile for tile in agents(api, group) if tile["parent"]]
        return (
            children[0]
            if children and children[0]["step"] == 2 and not agent(api, children[0]["id"])["calls"]
            else None
        )

    return group, wait_for(look, "two steps")


def paths(api: httpx.Client, agent_id: str) -> list[str]:
    """The files in a sub-agent's workspace."""
    return [file["path"] for file in done(api.get(f"/agents/{agent_id}/files"))["files"]]


def ask_for_fork(page: Page, step: str) -> None:
    """Opens the dialog from the drawer's menu, and asks for a fork of that step."""
    page.get_by_label("More").click()
    page.get_by_role("button", name="Fork from a step").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Step").fill(step)
    dialog.get_by_role("button", name="Fork", exact=True).click()


def test_a_fork_appears_on_the_wall_and_runs_with_its_workspace_as_it_was(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, origin = two_steps_made(api, model)
    assert "note.txt" in paths(api, origin["id"])
    page = open_page(f"/groups/{group}?agent={origin['id']}")
    expect(page.locator(".tile")).to_have_count(2)
    ask_for_fork(page, "1")

    expect(page.locator(".says")).to_contain_text("goes on from step 1.")
    expect(page.locator(".tile")).to_have_count(3)
    fork_id = f"{group}-3"
    expect(page.locator(f'.tile[data-id="{fork_id}"]')).to_be_visible()
    expect(page.locator(".drawer-task")).to_have_text(f"Fork of {origin['name']} at step 1")
    expect(page.locator(".drawer .live-text")).to_contain_text("the")
    # After step 1 there was no note yet: while the fork writes its second turn there is none in its folder.
    assert agent(api, fork_id)["step"] == 1
    assert "note.txt" not in paths(api, fork_id)
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator('.drawer .thread .call[data-call="list_files"]')).to_have_count(1)

    over = until_state(api, fork_id, "done", "failed", "cancelled")
    assert over["state"] == "done"
    expect(page.locator(".drawer-driver")).to_have_text("Nobody drives any more")
    calls = [call["name"] for entry in transcript(api, fork_id) for call in entry["calls"]]
    assert calls == ["list_files", "write_file"], "it went on after its step, and repeated nothing"
    assert "note.txt" in paths(api, fork_id)
    until_state(api, origin["id"], "done")


def test_a_fork_that_is_refused_is_told_in_the_dialog_and_can_be_mended_there(
    open_page: Opener, api: httpx.Client, model: ModelProcess, faults: Faults
) -> None:
    faults.allow("409")
    group, origin = two_steps_made(api, model)
    page = open_page(f"/groups/{group}?agent={origin['id']}")
    ask_for_fork(page, "99")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert").last).to_contain_text("has steps 0 to 2, not 99.")
    expect(dialog.get_by_label("Step")).to_have_value("99")
    expect(page.locator(".tile")).to_have_count(2)
    dialog.get_by_label("Step").fill("2")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".tile")).to_have_count(3)
    wait_for(lambda: agent(api, f"{group}-3")["partial"]["text"], "the fork at work")
    assert "note.txt" in paths(api, f"{group}-3"), "after step 2 there was a note"
    done(api.post(f"/groups/{group}/cancel"))
