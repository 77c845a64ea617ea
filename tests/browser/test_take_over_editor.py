"""Files by hand in the browser: a tree, an editor whose saves are on record, conflicts told, unsaved words kept."""

from __future__ import annotations

from typing import Any

import httpx
from browser_faults import Opener
from browser_steps import agent, at_the_wheel, done, model_group, take_the_wheel, transcript, wait_for, worker_at_work
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess

STATE = ".ed-state"


def files_of(open_page: Opener, api: httpx.Client, model: ModelProcess, **files: str) -> tuple[Page, str]:
    """A page at the wheel with its panel of files, and some files in the workspace."""
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    take_the_wheel(page)
    for path, content in files.items():
        write(api, tile["id"], path.replace("__", "/").replace("_", "."), content)
    page.locator('.drive-tab[data-panel="files"]').click()
    return page, str(tile["id"])


def write(api: httpx.Client, agent_id: str, path: str, content: str) -> None:
    """Writes a file by the API, as something else than the editor does."""
    call = {"id": "", "name": "write_file", "arguments": {"path": path, "content": content}}
    epoch = wait_for(lambda: agent(api, agent_id) if not agent(api, agent_id)["calls"] else None, "a free wheel")[
        "epoch"
    ]
    done(api.post(f"/agents/{agent_id}/steps", json={"epoch": epoch, "content": "", "tool_calls": [call]}))
    wait_for(lambda: not agent(api, agent_id)["calls"], "the write")


def content_of(api: httpx.Client, agent_id: str, path: str) -> str:
    """A file as it is."""
    return str(done(api.get(f"/agents/{agent_id}/files/{path}"))["text"])


def begin(page: Page, path: str, words: str) -> None:
    """Begins a new file with these words, which are not saved."""
    page.get_by_label("New file").fill(path)
    page.get_by_role("button", name="Begin it").click()
    expect(page.locator(".ed h3")).to_have_text(path)
    page.locator(".cm-content").click()
    page.keyboard.insert_text(words)
    expect(page.locator(STATE)).to_have_text("not saved")


def test_a_new_file_is_saved_and_the_save_is_in_the_thread(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, agent_id = files_of(open_page, api, model)
    begin(page, "notes/plan.md", "# A plan\n\nby hand\n")
    page.keyboard.press("Control+s")
    expect(page.locator(STATE)).to_have_text("saved, and on record")
    assert content_of(api, agent_id, "notes/plan.md") == "# A plan\n\nby hand\n"
    call = page.locator('.call[data-call="write_file"]').filter(has_text="notes/plan.md")
    expect(call).to_have_attribute("data-fate", "done")
    (mine,) = [line for line in transcript(api, agent_id) if line["by"] == "you" and line["calls"]]
    assert "by hand" in mine["calls"][0]["arguments"]
    page.locator('.ws-row[data-path="notes"]').click()
    expect(page.locator('.ws-row[data-path="notes/plan.md"]')).to_have_attribute("aria-selected", "true")
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_unsaved_words_survive_a_reload_and_what_changed_meanwhile_is_shown_before_they_are_saved(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, agent_id = files_of(open_page, api, model, a_txt="one\ntwo\n")
    page.locator('.ws-row[data-path="a.txt"]').click()
    expect(page.locator(".cm-content")).to_contain_text("two")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("three, by hand\n")
    page.reload()
    at_the_wheel(page)
    page.locator('.drive-tab[data-panel="files"]').click()
    write(api, agent_id, "a.txt", "one\nTWO\n")
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".cm-content")).to_contain_text("three, by hand")
    page.locator('.ed [data-act="save"]').click()
    expect(page.locator(".ed")).to_have_attribute("data-state", "conflict")
    expect(page.locator(".ed-diff")).to_contain_text("-TWO")
    expect(page.locator(".ed-diff")).to_contain_text("+three, by hand")
    assert content_of(api, agent_id, "a.txt") == "one\nTWO\n", "nothing was written over what somebody else wrote"
    page.locator('.ed [data-act="over"]').click()
    expect(page.locator(STATE)).to_have_text("saved, and on record")
    assert content_of(api, agent_id, "a.txt") == "one\ntwo\nthree, by hand\n"
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('claw-file:')).length") == 0
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_words_are_put_away_only_when_that_is_asked_for(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, agent_id = files_of(open_page, api, model, a_txt="as it stands\n")
    page.locator('.ws-row[data-path="a.txt"]').click()
    page.locator(".cm-content").click()
    page.keyboard.insert_text("unsaved ")
    page.locator('.ed [data-act="close"]').click()
    expect(page.get_by_text("Unsaved words of yours for")).to_be_visible()
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".cm-content")).to_contain_text("unsaved")
    page.locator('.ed [data-act="drop"]').click()
    expect(page.locator(".cm-content")).to_have_text("as it stands")
    expect(page.locator(STATE)).to_have_text("")
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_what_cannot_be_edited_safely_is_shown_read_only_and_lines_keep_their_ends(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    page, agent_id = files_of(open_page, api, model, mixed_txt="a\r\nb\n", dos_txt="a\r\nb\r\n")
    page.locator('.ws-row[data-path="mixed.txt"]').click()
    expect(page.locator(".ed-note")).to_contain_text("Its line ends are mixed")
    expect(page.locator('.ed [data-act="save"]')).to_have_count(0)
    page.locator('.ws-row[data-path="dos.txt"]').click()
    expect(page.locator(".ed h3")).to_have_text("dos.txt")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.insert_text("first ")
    page.keyboard.press("Control+s")
    expect(page.locator(STATE)).to_have_text("saved, and on record")
    assert content_of(api, agent_id, "dos.txt") == "first a\r\nb\r\n"
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_the_tree_is_walked_with_the_keyboard(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    page, agent_id = files_of(open_page, api, model, src__deep__b_py="b = 1\n", z_txt="z\n")
    row: Any = page.locator(".ws-row")
    expect(row).to_have_count(2)
    expect(row.first).to_be_visible()  # it is listed before its panel is shown, and takes no focus until then
    row.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('.ws-row[data-path="src/deep"]')).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator('.ws-row[data-path="src/deep"]')).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator('.ws-row[data-path="src/deep/b.py"]')).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator('.ws-row[data-path="z.txt"]')).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(row).to_have_count(2)
    expect(row.first).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator(".ed h3")).to_have_text("z.txt")
    done(api.post(f"/agents/{agent_id}/cancel"))


def test_who_watches_reads_and_saves_nothing(open_page: Opener, api: httpx.Client, model: ModelProcess) -> None:
    group = model_group(api, model, "conductor-1", "worker-600@12")
    tile = worker_at_work(api, group)
    page = open_page(f"/agents/{tile['id']}/drive")
    page.locator('.drive-tab[data-panel="files"]').click()
    expect(page.locator(".ws-tree")).to_be_visible()
    begin = page.get_by_role("button", name="Begin it")
    expect(begin).to_be_disabled()
    expect(begin).to_have_attribute("title", "Take over to work in its place.")
    done(api.post(f"/groups/{group}/cancel"))
