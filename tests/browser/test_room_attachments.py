"""Files in the room: attached by button, paste and drop, kept while unsent, shown in the log, opened in full."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import done, model_group, take_the_wheel, wait_for
from playwright.sync_api import Page, expect
from room_files import choose, hand_over, picked, png, ready, written

from clawgroups.testing.model_process import ModelProcess

RED, BLUE = png(640, 400, (200, 40, 40)), png(300, 500, (40, 60, 200))
HOSTILE = "<img src=x onerror=window.pwned=1>\u202egnp.exe"


@pytest.fixture
def group(api: httpx.Client) -> str:
    """A group that has not started; its id."""
    body = {"name": "Pictures", "goal": "Look at them.", "conductor": "survey-conductor"}
    return str(done(api.post("/groups", json=body))["id"])


def room_of(open_page: Opener, group: str, **more: int) -> Page:
    page = open_page(f"/groups/{group}?view=room", **more)
    expect(page.get_by_label("Your words in the room")).to_be_editable()
    return page


def send(page: Page) -> None:
    page.get_by_role("button", name="Send").click()


def test_files_chosen_by_the_paperclip_are_sent_with_the_words_and_seen_by_everybody(
    open_page: Opener, group: str, tmp_path: Path
) -> None:
    page, other = room_of(open_page, group), room_of(open_page, group)
    choose(page, written(tmp_path, "red.png", RED), written(tmp_path, "figures.csv", b"a,b\n1,2\n"))
    ready(page, 2)
    expect(picked(page, "red.png").locator("img")).to_be_visible()
    page.get_by_label("Your words in the room").fill("What is wrong here?")
    send(page)
    expect(picked(page)).to_have_count(0)
    said = other.locator(".talk-one", has_text="What is wrong here?")
    image = said.get_by_role("button", name="Open red.png").locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 640
    with other.expect_download() as download:
        said.get_by_role("link", name="figures.csv").click()
    assert Path(download.value.path()).read_bytes() == b"a,b\n1,2\n"
    assert download.value.suggested_filename == "figures.csv"
    page.reload()
    expect(picked(page)).to_have_count(0)


def test_an_image_opens_in_full_and_the_keyboard_walks_and_closes(
    open_page: Opener, group: str, tmp_path: Path
) -> None:
    page = room_of(open_page, group)
    choose(page, written(tmp_path, "red.png", RED), written(tmp_path, "blue.png", BLUE))
    ready(page, 2)
    send(page)
    thumb = page.get_by_role("button", name="Open red.png")
    thumb.focus()
    page.keyboard.press("Enter")
    full = page.get_by_role("dialog", name="red.png")
    expect(full).to_contain_text("1 of 2")
    assert full.locator("img").evaluate("(i) => i.decode().then(() => i.naturalWidth)") == 640
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name="blue.png")).to_contain_text("2 of 2")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name="red.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(thumb).to_be_focused()
    thumb.click()
    page.get_by_role("button", name="Close (Esc)").click()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_what_is_pasted_and_what_is_dropped_goes_along_and_can_be_taken_out(open_page: Opener, group: str) -> None:
    page = room_of(open_page, group)
    hand_over(page, "paste", ".talk-write textarea", ("image.png", "image/png", RED))
    ready(page, 1)
    hand_over(page, "dragenter", ".talk-list", ("blue.png", "image/png", BLUE))
    expect(page.locator(".talk-dropping")).to_be_visible()
    hand_over(page, "drop", ".talk-list", ("blue.png", "image/png", BLUE), ("c.txt", "text/plain", b"c"))
    expect(page.locator(".talk-dropping")).to_have_count(0)
    ready(page, 3)
    page.get_by_role("button", name="Remove blue.png").click()
    ready(page, 2)
    send(page)
    said = page.locator(".talk-one")
    expect(said.locator(".attached-image")).to_have_count(1)
    expect(said.get_by_role("link", name="c.txt")).to_be_visible()


def test_what_fails_says_why_and_keeps_the_words_and_the_other_files(
    open_page: Opener, faults: Faults, group: str, tmp_path: Path
) -> None:
    faults.allow("ERR_FAILED")
    page = room_of(open_page, group)
    page.get_by_label("Your words in the room").fill("All of them.")
    page.route("**/attachments?name=late.txt", lambda route: route.abort())
    choose(
        page,
        written(tmp_path, "late.txt", b"late"),
        written(tmp_path, "fine.txt", b"fine"),
        written(tmp_path, "empty.txt", b""),
        written(tmp_path, "large.bin", bytes(20 * 1024 * 1024 + 1)),
    )
    expect(picked(page, "late.txt").get_by_role("alert")).to_contain_text("Not sent: The server does not answer.")
    expect(picked(page, "empty.txt").get_by_role("alert")).to_contain_text("It is empty, or a folder.")
    expect(picked(page, "large.bin").get_by_role("alert")).to_contain_text("It is larger than 20 MiB.")
    ready(page, 1)
    expect(page.get_by_label("Your words in the room")).to_have_value("All of them.")
    page.unroute("**/attachments?name=late.txt")
    picked(page, "late.txt").get_by_role("button", name="Try again").click()
    ready(page, 2)
    send(page)
    said = page.locator(".talk-one", has_text="All of them.")
    expect(said.get_by_role("link")).to_have_count(2)
    expect(picked(page)).to_have_count(2)  # those that were never sent stay, and say why


def test_a_message_takes_ten_files(open_page: Opener, group: str, tmp_path: Path) -> None:
    page = room_of(open_page, group)
    choose(page, *(written(tmp_path, f"{number}.txt", b"x") for number in range(11)))
    ready(page, 10)
    expect(picked(page, "10.txt").get_by_role("alert")).to_have_text("A message takes 10 files at most. ")
    send(page)
    expect(page.locator(".talk-one").get_by_role("link")).to_have_count(10)


def test_words_and_chosen_files_outlive_a_reload(open_page: Opener, group: str, tmp_path: Path) -> None:
    page = room_of(open_page, group)
    page.get_by_label("Your words in the room").fill("Half a thou")
    choose(page, written(tmp_path, "red.png", RED))
    ready(page, 1)
    expect(picked(page, "red.png").locator("img")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Your words in the room")).to_have_value("Half a thou")
    ready(page, 1)
    expect(picked(page, "red.png").locator("img")).to_be_visible()
    send(page)
    expect(page.locator(".talk-one", has_text="Half a thou").locator(".attached-image")).to_be_visible()


def test_words_that_are_refused_keep_their_files(open_page: Opener, faults: Faults, group: str, tmp_path: Path) -> None:
    faults.allow("422")
    page = room_of(open_page, group)
    choose(page, written(tmp_path, "a.txt", b"a"))
    ready(page, 1)
    lost = {"id": "lost", "name": "b.txt", "size": 1, "media_type": "text/plain", "thumb": ""}
    page.evaluate(
        """([group, lost]) => {
          const key = `claw-kept:you:files:${group}`;
          const kept = JSON.parse(localStorage.getItem(key));
          localStorage.setItem(key, JSON.stringify([...kept, { ...lost, at: Date.now() }]));
        }""",
        [group, lost],
    )
    page.reload()
    ready(page, 2)
    page.get_by_label("Your words in the room").fill("Both.")
    send(page)
    expect(page.get_by_role("alert").filter(has_text="Not sent.")).to_contain_text("No file 'lost' waits to be posted")
    ready(page, 2)
    page.get_by_role("button", name="Remove b.txt").click()
    send(page)
    expect(page.locator(".talk-one", has_text="Both.").get_by_role("link", name="a.txt")).to_be_visible()


def test_a_files_name_is_text_and_turns_nothing_around_on_a_phone_too(open_page: Opener, group: str) -> None:
    page = room_of(open_page, group, width=390, height=844)
    hand_over(page, "drop", ".talk-list", (HOSTILE, "text/html", b"<script>window.pwned = 2</script>"))
    ready(page, 1)
    name = HOSTILE.replace("\u202e", "")
    expect(picked(page).locator(".picked-name")).to_have_text(name)
    send(page)
    link = page.locator(".talk-one .attached-file")
    expect(link.locator("bdi")).to_have_text(name)
    assert link.get_attribute("download") == name
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => window.pwned") is None


def test_images_that_come_late_do_not_push_the_newest_words_out_of_sight(
    open_page: Opener, api: httpx.Client, group: str
) -> None:
    path = f"/groups/{group}/attachments"
    for number in range(4):
        image = png(300, 500, (number, 40, 200))
        made = done(api.post(path, params={"name": f"{number}.png"}, content=image))
        done(api.post(f"/groups/{group}/messages", json={"text": f"number {number}", "attachments": [made["id"]]}))
    page = room_of(open_page, group, height=600)
    last = page.get_by_role("button", name="Open 3.png").locator("img")
    assert last.evaluate("(i) => i.decode().then(() => i.naturalHeight)") == 500
    expect(last).to_be_in_viewport(ratio=0.9)


def test_a_person_at_the_wheel_sees_what_is_attached_and_has_it_in_the_workspace(
    open_page: Opener, api: httpx.Client, model: ModelProcess, tmp_path: Path
) -> None:
    group = model_group(api, model, "endless@20")
    page = open_page(f"/agents/{group}-1/drive")
    take_the_wheel(page)
    room = room_of(open_page, group)
    choose(room, written(tmp_path, "red.png", RED))
    ready(room, 1)
    room.get_by_label("Your words in the room").fill("Mind this.")
    send(room)
    told = page.locator('.thread .line[data-kind="steer"]', has_text="Mind this.")
    told.get_by_role("button", name="Open red.png").click()
    expect(page.get_by_role("dialog", name="red.png")).to_be_visible()
    page.keyboard.press("Escape")
    entries = done(api.get(f"/agents/{group}-1/transcript", params={"limit": 1_000}))["entries"]
    path = next(entry["attachments"][0]["path"] for entry in entries if entry["kind"] == "steer")
    wait_for(lambda: path in str(done(api.get(f"/agents/{group}-1/files"))), "the file in the workspace")
    done(api.post(f"/groups/{group}/cancel"))
