"""What a model, a file or a person writes is shown as text everywhere: nothing of it runs, loads or breaks a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import Json, agents, at_the_wheel, done, transcript, until_request, wait_for
from hostile import EVIL, FILE, HUGE, MARK, SHORT, TITLE, HostileModel, OtherHost, harmless, planted, watch
from playwright.sync_api import Page, expect
from view_steps import row, see, tip_over

WIDTHS = (1440, 390)

# Asks another host by each way that a script has; says for each whether the browser refused.
TRIES = """
async (host) => {
  const word = (act) => new Promise((settled) => act(() => settled("done"), () => settled("refused")));
  const element = (tag, more) => word((onload, onerror) =>
    document.head.append(Object.assign(document.createElement(tag), { onload, onerror, ...more })));
  return Promise.all([
    fetch(`http://${host}/fetched`, { mode: "no-cors" }).then(() => "done", () => "refused"),
    word((onopen, onerror) => Object.assign(new WebSocket(`ws://${host}/socket`), { onopen, onerror })),
    element("script", { src: `http://${host}/a.js` }),
  ]);
}
"""


class Group(NamedTuple):
    """A group full of hostile text, with those of its sub-agents that stand for something."""

    id: str
    lead: Json
    talker: Json
    worker: Json


@pytest.fixture(scope="module")
def group(api: httpx.Client) -> Iterator[Group]:
    """Its lead asks, its talker streams on and on, its worker waits for leave to run a command."""
    with HostileModel() as model:
        members = {}
        for name in ("lead", "worker"):
            about = {"base_url": model.base_url, "model": name}
            body = {"name": f"{SHORT} {name}", "kind": "model", "model": about, "description": EVIL}
            members[name] = done(api.post("/members", json=body))["id"]
        plan = {"name": TITLE, "goal": EVIL, "rules": f"{EVIL} {HUGE[:150_000]}", "start": True}
        made = str(
            done(api.post("/groups", json={**plan, "conductor": members["lead"], "worker": members["worker"]}))["id"]
        )
        asked = until_request(api, made, "approval")
        until_request(api, made, "question")
        tiles = {tile["id"]: tile for tile in agents(api, made)}
        worker = tiles[asked["agent"]]
        lead = next(tile for tile in tiles.values() if not tile["parent"])
        talker = next(tile for tile in tiles.values() if tile["id"] not in (worker["id"], lead["id"]))
        assert any(len(entry["content"]) > 500_000 for entry in transcript(api, worker["id"])), "no huge word"
        yield Group(made, lead, talker, worker)
        done(api.post(f"/groups/{made}/cancel"))


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, open_page: Opener) -> Page:
    """A page that tells when something in it runs; on a desk and on a phone."""
    found = open_page("/claw/icon.svg", width=request.param)
    watch(found)
    return found


def go(page: Page, path: str) -> None:
    """Another page of the same site."""
    base = "/".join(page.url.split("/")[:3])
    page.goto(f"{base}{path}")


def test_the_lists_of_groups_and_members_show_it_as_text(page: Page, group: Group) -> None:
    go(page, "/")
    harmless(page, "#content")
    go(page, "/members")
    harmless(page, "#content")
    go(page, "/new")
    expect(page.locator("#content")).to_be_visible()
    harmless(page)


def test_the_wall_shows_it_as_text_in_tiles_and_cards(open_page: Opener, group: Group) -> None:
    page = open_page("/claw/icon.svg")
    watch(page)
    go(page, f"/groups/{group.id}")
    harmless(page, ".crumb-here", ".wall-head")
    page.locator(f'.tile[data-id="{group.talker["id"]}"]').hover()
    expect(page.locator(".hover-words")).to_contain_text("pwned")
    harmless(page, ".hover")
    page.mouse.move(2, 2)
    page.get_by_role("button", name="Large tiles with live text").click()
    expect(page.locator(f'.tile[data-id="{group.talker["id"]}"] .tile-line')).to_contain_text("pwned")
    harmless(page, ".tile-title")


@pytest.mark.parametrize("who", ["lead", "talker", "worker"])
def test_the_drawer_shows_it_as_text(who: str, page: Page, group: Group) -> None:
    agent: Json = getattr(group, who)
    go(page, f"/groups/{group.id}?agent={agent['id']}")
    expect(page.locator(".drawer .steps li").first).to_be_visible()
    harmless(page, ".drawer-head, .drawer .live-text, .drawer .steps")
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator(".drawer .thread article").first).to_be_visible()
    for fold in page.locator(".drawer .thread details").all():
        fold.evaluate("(one) => { one.open = true }")
    harmless(page, ".drawer .thread .words")
    page.get_by_role("tab", name="Files").click()
    expect(page.locator(".drawer .files li, .drawer .drawer-empty").first).to_be_visible()
    harmless(page, *([".drawer .files"] if who != "talker" else []))
    page.get_by_role("tab", name="Task").click()
    harmless(page, ".drawer .about")


def test_the_inbox_shows_it_as_text(page: Page, group: Group) -> None:
    go(page, f"/groups/{group.id}?view=inbox")
    expect(page.locator(".item")).to_have_count(2)
    for item in page.locator(".item").all():
        item.locator(".item-name").click()
        expect(item).to_contain_text("pwned=17")
    harmless(page, ".item")


@pytest.mark.parametrize("view", ["timeline", "tree", "table"])
def test_each_view_shows_it_as_text(view: str, open_page: Opener, group: Group) -> None:
    page = open_page("/claw/icon.svg")
    watch(page)
    go(page, f"/groups/{group.id}?view={view}")
    see(page, view)
    expect(row(page, view, group.worker)).to_be_visible()
    harmless(page, {"timeline": ".tl-head", "tree": ".tree-row", "table": ".ag-row"}[view])
    if view == "timeline":
        shares = [part / 100 for part in range(99, 0, -3)]
        assert any(MARK in tip_over(page, group.worker, share) for share in shares), "no tip with hostile text"
        harmless(page)


def test_the_room_and_its_rules_show_it_as_text(page: Page, group: Group) -> None:
    go(page, f"/groups/{group.id}?view=room")
    expect(page.locator(".talk-text").first).to_be_visible()
    harmless(page, ".talk-text", ".talk-rules")


def test_a_report_in_markdown_and_the_names_of_files_are_harmless(page: Page, group: Group, faults: Faults) -> None:
    faults.allow("Content Security Policy directive")  # said already where the report is taken apart to be cleaned
    go(page, f"/groups/{group.id}?view=result")
    page.get_by_role("button", name="report.md").click()
    expect(page.locator(".result-page h1")).to_contain_text("A report")
    for link in page.locator(".result-page a", has_text="a link").all():
        link.click()
    harmless(page, ".result-files")
    over = page.get_by_text("over everything")
    expect(over.first).to_be_attached()
    assert not page.locator(".result-page [style]:not(.result-page > *)").count()
    page.get_by_role("button", name=FILE).click()
    expect(page.locator(".result-page pre")).to_contain_text(MARK)
    harmless(page)


def test_what_the_history_finds_is_shown_as_text(page: Page, group: Group) -> None:
    go(page, "/history?q=pwned")
    expect(page.locator(".past-snippet").first).to_be_visible()
    harmless(page, ".past-name", ".past-snippet")


def test_the_take_over_screen_shows_it_as_text(page: Page, group: Group, api: httpx.Client) -> None:
    go(page, f"/agents/{group.worker['id']}/drive")
    expect(page.locator(".wheel")).to_be_visible()
    harmless(page, ".thread .words", "header")
    if page.viewport_size == {"width": WIDTHS[0], "height": 900}:
        page.locator('.wheel [data-act="now"]').click()
        at_the_wheel(page)
        harmless(page, ".thread .words")
        done(api.post(f"/agents/{group.worker['id']}/hand-back", json={"note": EVIL}))
        wait_for(lambda: until_request(api, group.id, "approval"), "the worker asks again")


def test_the_editor_the_files_and_the_difference_show_it_as_text(
    open_page: Opener, group: Group, api: httpx.Client
) -> None:
    page = open_page("/claw/icon.svg")
    watch(page)
    go(page, f"/agents/{group.talker['id']}/drive")
    page.locator('.wheel [data-act="now"]').click()
    at_the_wheel(page)
    page.locator('[data-panel="files"]').click()
    page.get_by_label("New file").fill(FILE)
    page.get_by_role("button", name="Begin it").click()
    expect(page.locator(".ed h3")).to_contain_text(MARK)
    page.locator(".cm-content").click()
    page.keyboard.insert_text(EVIL)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".ed")).to_have_attribute("data-state", "saved")
    expect(page.locator(".ws-row", has_text=MARK).first).to_be_visible()
    harmless(page, ".ed h3", ".cm-content", ".ws-row", ".files")
    page.get_by_role("button", name="What changed in it").click()
    expect(page.locator(".diff-line.add").first).to_contain_text("pwned")
    harmless(page, ".diff h3", ".diff-line")
    page.locator('[data-panel="about"]').click()
    page.get_by_role("button", name="Cancel it…").first.click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    harmless(page, ".ask-first-title")
    page.get_by_role("button", name="No, leave it").click()
    page.locator('[data-panel="give"]').click()
    expect(page.locator("[data-told]")).to_contain_text("took over your work")
    harmless(page, "[data-told]")
    done(api.post(f"/agents/{group.talker['id']}/hand-back", json={"note": EVIL}))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_palette_the_dialogs_and_the_notices_show_it_as_text(width: int, open_page: Opener, group: Group) -> None:
    page = open_page("/claw/icon.svg", width=width)
    watch(page)
    go(page, f"/groups/{group.id}?agent={group.worker['id']}")
    expect(page.locator(".drawer h2")).to_contain_text(MARK)
    page.keyboard.press("Control+k")
    expect(page.locator(".finder-row", has_text=MARK).first).to_be_visible()
    harmless(page, ".finder-label", ".finder-note")
    page.keyboard.type("hand img back")
    page.locator(".finder-row", has_text="Hand").first.click(force=True)
    expect(page.locator(".finder-why")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.locator(".say-sentence")).to_contain_text(MARK)
    harmless(page, ".say-sentence")
    if width > 1000:
        page.locator(".drawer").get_by_text("⋯").click()
        page.get_by_role("button", name="Give to another member…").click()
        expect(page.locator("dialog.ask")).to_contain_text("to another member")
        harmless(page, ".ask-title")
        page.keyboard.press("Escape")
    for deed in ("steer", "end"):
        page.keyboard.press("Control+k")
        page.keyboard.type(f"{deed} img")
        expect(page.locator(".finder-row[aria-selected=true]")).to_contain_text(MARK)
        page.keyboard.press("Enter")
        expect(page.locator("dialog.ask")).to_be_visible()
        harmless(page, ".ask-title")
        page.keyboard.press("Escape")
        expect(page.locator("dialog.ask")).to_have_count(0)


def test_a_notice_and_a_person_with_such_a_name_turn_no_words_around(
    open_page: Opener, group: Group, api: httpx.Client
) -> None:
    page = open_page("/claw/icon.svg")
    watch(page)
    go(page, f"/groups/{group.id}?view=tree&agent={group.talker['id']}")
    see(page, "tree")
    page.keyboard.press("p")
    expect(page.locator(".say-sentence")).to_contain_text("pauses at its next step.")
    harmless(page, ".say-sentence")
    person = done(api.post("/members", json={"name": f"{SHORT} Eve", "kind": "person"}))["id"]
    eve = {"X-Claw-Person": person}
    done(api.post(f"/agents/{group.talker['id']}/take-over", json={}, headers=eve))
    expect(row(page, "tree", group.talker)).to_contain_text("drives")
    expect(page.locator(".drawer-driver")).to_contain_text("Eve")
    harmless(page, ".tree-row", ".drawer-driver")
    page.locator(".room-tab-wall").click()
    page.get_by_role("button", name="Large tiles with live text").click()
    expect(page.locator(f'.tile[data-id="{group.talker["id"]}"] .tile-state')).to_contain_text("drives")
    harmless(page, ".tile-state")
    go(page, f"/agents/{group.talker['id']}/drive")
    expect(page.locator(".wheel h2")).to_contain_text("holds the wheel; you watch")
    expect(page.locator(".drive-read")).to_contain_text("drives")
    harmless(page, ".wheel h2", ".drive-read")
    epoch = done(api.get(f"/agents/{group.talker['id']}"))["epoch"]
    done(api.post(f"/agents/{group.talker['id']}/hand-back", json={"epoch": epoch, "note": ""}, headers=eve))


def test_a_name_that_turns_the_words_around_it_is_found(open_page: Opener, group: Group) -> None:
    """The check is not blind."""
    page = open_page(f"/groups/{group.id}")
    expect(page.locator(".tile").first).to_be_visible()
    for planted_text in (f"<p><b>{SHORT}</b> drives</p>", f"<p>{SHORT} drives</p>"):
        html = planted_text.replace("<img", "&lt;img")
        page.evaluate("(html) => document.querySelector('#content').insertAdjacentHTML('beforeend', html)", html)
        with pytest.raises(AssertionError, match="turns around"):
            harmless(page)
        page.evaluate("() => document.querySelector('#content').lastElementChild.remove()")


def test_what_slips_into_a_page_is_stopped_by_the_policy(open_page: Opener, faults: Faults) -> None:
    """As if one of our elements had written hostile text as HTML: still nothing runs and nothing leaves."""
    faults.allow(r"Content Security Policy|status of 404")
    with OtherHost() as other:
        page = open_page("/")
        expect(page.locator("#content")).to_be_visible()
        page.evaluate(
            """() => {
                window.refused = [];
                document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            }"""
        )
        page.evaluate(f"() => {{ {planted(other.place)} }}")
        page.evaluate(
            """() => {
                for (const link of document.querySelectorAll("#content a[href^=javascript]"))
                    link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
                const script = Object.assign(document.createElement("script"), { textContent: "window.pwned = 30" });
                document.head.append(script);
            }"""
        )
        assert page.evaluate(TRIES, other.place) == ["refused"] * 3
        wanted = ["script-src-attr", "script-src-elem", "img-src", "connect-src", "style-src-elem", "base-uri"]
        for directive in wanted:
            page.wait_for_function("(one) => refused.includes(one)", arg=directive)
        assert page.evaluate("() => window.pwned ?? null") is None
        assert not other.asked


def test_every_answer_has_a_policy_and_no_two_pages_the_same_nonce(server: object, api: httpx.Client) -> None:
    base = str(api.base_url).removesuffix("/api/v1/")
    pages = [httpx.get(f"{base}/", trust_env=False) for _ in range(2)]
    policies = [page.headers["content-security-policy"] for page in pages]
    assert policies[0] != policies[1]
    for page, policy in zip(pages, policies, strict=True):
        assert "'unsafe-inline'" not in policy.split("style-src")[0]
        nonce = policy.split("'nonce-")[1].split("'")[0]
        scripts = page.text.count("<script")
        assert scripts == page.text.count(f'<script nonce="{nonce}"') + page.text.count('src="/claw/'), (
            "a script without"
        )
    for path in ("/api/v1/groups", "/claw/feed.js", "/nowhere-at-all.json"):
        assert "default-src" in httpx.get(f"{base}{path}", trust_env=False).headers["content-security-policy"]
    assert "default-src 'none'" in api.get("/groups").headers["content-security-policy"]
