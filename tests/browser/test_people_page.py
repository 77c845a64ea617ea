"""People in browsers: set-up by the link, sign-in, roles on the buttons, faces of others, and the ways out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Faults, Opener
from browser_steps import done, wait_for
from playwright.sync_api import Locator, Page, expect
from test_shell import CONTRAST

from clawgroups.testing.server_process import ServerProcess

PASSWORD = "correct horse"
REFUSED = r"status of 4(01|03|22|29)"


class Team:
    """A server on which Ada is the admin and others are invited."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.ada = httpx.Client(base_url=server.api, timeout=30, trust_env=False)
        key = (server.home / "set-up.key").read_text()
        body = {"key": key, "sign_in_name": "ada", "name": "Ada Lovelace", "password": PASSWORD}
        done(self.ada.post("/set-up", json=body))

    def join(self, name: str, role: str) -> str:
        """Somebody new who has chosen a password; their id."""
        made = done(self.ada.post("/accounts", json={"sign_in_name": name, "name": name.title(), "role": role}))
        key = made["invitation"].split("=")[1]
        done(httpx.post(f"{self.server.api}/invitation", json={"key": key, "password": PASSWORD}))
        return str(made["id"])

    def group(self) -> str:
        """A group whose conductor waits for a person, so that nothing on its page moves by itself."""
        body = {"name": "Quiet", "goal": "Nothing.", "conductor": "you", "start": True}
        group = str(done(self.ada.post("/groups", json=body))["id"])
        wait_for(lambda: done(self.ada.get("/requests", params={"group": group}))["requests"], "the task's request")
        return group


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[ServerProcess]:
    """In place of the one that other modules use: on this one people sign in."""
    env = {"CLAWGROUPS_FOLDER": str(folder)}
    with ServerProcess(tmp_path_factory.mktemp("people") / "home", env=env) as running:
        yield running
        assert "Traceback" not in running.log_text()


@pytest.fixture(scope="module")
def team(server: ServerProcess) -> Iterator[Team]:
    made = Team(server)
    yield made
    made.ada.close()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fills the form that is open and sends it."""
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def come_in(open_page: Opener, name: str, path: str = "/", **more: int) -> Page:
    """A browser of its own in which this person is signed in, at ``path``."""
    page = open_page(path, **more)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, name)
    expect(page.locator(".me > summary")).to_be_visible()
    return page


def faces(place: Locator) -> Locator:
    """The faces that are shown there."""
    return place.locator(".face[data-face]")


def test_the_first_admin_comes_by_the_link_and_the_link_is_used_up(
    open_page: Opener, faults: Faults, tmp_path: Path
) -> None:
    faults.allow(REFUSED)
    with ServerProcess(tmp_path / "home") as fresh:
        page = open_page("/", at=fresh.url)
        page.locator(".me > summary").click()
        expect(page.locator(".me-list")).to_contain_text("Local admin")
        page.get_by_role("link", name="Set up sign-in…").click()
        page.get_by_role("link", name="Set up sign-in", exact=True).click()
        link = page.url
        page.wait_for_function(
            "() => [...document.fonts].some((one) => one.family === 'Roboto' && one.status === 'loaded')"
        )
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Sign-in name").fill("ada")
        page.get_by_label("Password").fill("short")
        page.get_by_label("The same again").fill("shorx")
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("alert")).to_contain_text("The two passwords are not the same.")
        page.get_by_label("The same again").fill("short")
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("alert")).to_contain_text("at least 10 characters")
        expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Password")).to_be_focused()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        page.wait_for_url(f"{fresh.url}/")
        expect(page.locator(".me > summary")).to_have_attribute("aria-label", "You: Ada Lovelace, admin")
        again = open_page(link.removeprefix(fresh.url), at=fresh.url)
        expect(again.get_by_role("heading", name="Nothing to set up")).to_be_visible()
        page.close()
        again.close()


def test_who_is_no_guest_is_led_to_where_they_wanted(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    page = open_page("/members?from=here")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=/members%3Ffrom%3Dhere$"))
    sign_in(page, "ada", "not the password")
    expect(page.get_by_role("alert")).to_have_text(re.compile("^This name and password do not fit together"))
    expect(page.get_by_label("Password")).to_be_focused()
    sign_in(page, "nobody")
    expect(page.get_by_role("alert")).to_have_text(re.compile("^This name and password do not fit together"))
    sign_in(page, "Ada")
    page.wait_for_url("**/members?from=here")
    expect(page.locator(".me > summary")).to_have_attribute("aria-label", "You: Ada Lovelace, admin")


def test_a_link_cannot_lead_from_the_sign_in_to_another_site(team: Team, open_page: Opener) -> None:
    for foreign in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        page = open_page(f"/sign-in?next={foreign}")
        sign_in(page, "ada")
        page.wait_for_url(f"{team.server.url}/**")
        expect(page.locator(".me > summary")).to_be_visible()
        page.context.close()


def test_too_many_wrong_passwords_are_told_with_the_wait(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    team.join("tried", "viewer")
    page = open_page("/sign-in")

    def told() -> bool:
        """The wait doubles with every guess, so sooner or later one comes within it, however slow this machine is."""
        sign_in(page, "tried", "one guess more")
        expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
        return "Too many wrong passwords" in page.get_by_role("alert").inner_text()

    wait_for(told, "a refusal for too many tries")
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Too many wrong passwords: wait \d+ second"))


def test_an_invited_person_chooses_a_password_and_is_seen_by_the_admin(
    team: Team, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    admin = come_in(open_page, "ada", "/people")
    admin.get_by_label("Name", exact=True).fill("Grace Hopper")
    admin.get_by_label("Sign-in name").fill("grace")
    admin.get_by_label("Role", exact=True).select_option("operator")
    admin.get_by_role("button", name="Make a link").click()
    link = admin.locator("[data-link]").inner_text()
    row = admin.locator('[data-account="grace-hopper"]')
    expect(row).to_contain_text("invited")
    guest = open_page(link.removeprefix(team.server.url))
    expect(guest.get_by_role("heading", name="Welcome, Grace Hopper")).to_be_visible()
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_label("The same again").fill(PASSWORD)
    guest.get_by_role("button", name="Set it and come in").click()
    expect(guest.locator(".me > summary")).to_have_attribute("aria-label", "You: Grace Hopper, operator")
    expect(row).to_contain_text("1 browser")
    expect(row).not_to_contain_text("invited")
    guest.goto(link)
    expect(guest.get_by_role("heading", name="This link has had its day")).to_be_visible()


def test_a_name_that_is_taken_is_told_at_the_form(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    admin = come_in(open_page, "ada", "/people")
    admin.get_by_label("Sign-in name").fill("ada")
    admin.get_by_role("button", name="Make a link").click()
    expect(admin.locator("#new-wrong")).to_contain_text("ada is taken")
    expect(admin.get_by_label("Sign-in name")).to_have_value("ada")


def test_a_viewer_sees_why_the_buttons_are_off_and_the_server_refuses_too(
    team: Team, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    team.join("vera", "viewer")
    group = team.group()
    page = come_in(open_page, "vera", f"/groups/{group}?agent={group}-1")
    for name in ("Pause all", "Stop…"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
        expect(page.get_by_role("button", name=name)).to_have_attribute("title", re.compile("^You are a viewer; this"))
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("You are a viewer; this needs a driver.")
    answer = page.evaluate(
        """async (agent) => {
            const headers = {"Content-Type": "application/json"};
            const reply = await fetch(`/api/v1/agents/${agent}/take-over`, {method: "POST", headers, body: "{}"});
            return [reply.status, (await reply.json()).error.sentence];
        }""",
        f"{group}-1",
    )
    assert answer == [403, "As a viewer you may not take over."]
    page.goto(f"{team.server.url}/new")
    expect(page.get_by_role("alert")).to_contain_text("As a viewer you may not make a group.")
    page.goto(f"{team.server.url}/members")
    expect(page.locator(".members-add")).to_contain_text("As a viewer you may not change the members.")
    page.goto(f"{team.server.url}/people")
    expect(page.get_by_text("You are a viewer; this needs an admin.")).to_be_visible()
    expect(page.locator(".account")).to_have_count(0)


def test_the_take_over_button_is_off_for_a_viewer_and_works_for_a_driver(
    team: Team, open_page: Opener, folder: Path
) -> None:
    team.join("vince", "viewer")
    team.join("dana", "driver")
    body = {"name": "S", "template": "survey", "folder": str(folder), "start": True, "pace": 1}
    group = done(team.ada.post("/groups", json=body))["id"]
    wait_for(lambda: len(done(team.ada.get(f"/groups/{group}/agents"))["agents"]) > 1, "sub-agents")
    agent = f"{group}-2"
    viewer = come_in(open_page, "vince", f"/agents/{agent}/drive")
    take = viewer.get_by_role("button", name="Take over now")
    expect(take).to_be_disabled()
    expect(take).to_have_attribute("title", "You are a viewer; this needs a driver.")
    viewer.keyboard.press("t")
    driver = come_in(open_page, "dana", f"/agents/{agent}/drive")
    driver.get_by_role("button", name="Take over now").click()
    expect(driver.get_by_role("status").filter(has_text="You hold the wheel")).to_be_visible()
    expect(viewer.get_by_text("Dana holds the wheel; you watch")).to_be_visible()
    assert done(team.ada.get(f"/agents/{agent}"))["driver"]["id"] == "dana"
    done(team.ada.post(f"/groups/{group}/cancel"))


def test_two_people_see_each_other_in_the_group_and_at_the_sub_agent(team: Team, open_page: Opener) -> None:
    team.join("wanda", "viewer")
    group = team.group()
    mine = come_in(open_page, "ada", f"/groups/{group}")
    expect(mine.locator(".ghead .stats").first).to_be_visible()
    expect(faces(mine.locator(".ghead"))).to_have_count(0)
    hers = come_in(open_page, "wanda", f"/groups/{group}?agent={group}-1")
    expect(faces(mine.locator(".ghead"))).to_have_attribute("title", "Wanda")
    expect(faces(hers.locator(".ghead"))).to_have_attribute("title", "Ada Lovelace")
    expect(faces(hers.locator(".drawer"))).to_have_count(0)
    mine.locator(f'.tile[data-id="{group}-1"]').click()
    expect(faces(mine.locator(".drawer"))).to_have_text("WWanda")
    expect(faces(hers.locator(".drawer"))).to_have_text("ALAda Lovelace")
    hers.goto(f"{team.server.url}/agents/{group}-1/drive")
    expect(faces(hers.locator(".top"))).to_have_attribute("title", "Ada Lovelace")
    mine.goto(f"{team.server.url}/")
    expect(faces(hers.locator(".top"))).to_have_count(0)


def test_signing_out_everywhere_closes_the_page_in_the_other_browser(
    team: Team, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    team.join("rita", "viewer")
    group = team.group()
    first = come_in(open_page, "rita", f"/groups/{group}")
    other = come_in(open_page, "rita", "/members")
    expect(first.locator(".ghead .stats").first).to_be_visible()
    other.locator(".me > summary").click()
    other.get_by_role("button", name="Sign out everywhere").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(first.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(first).to_have_url(re.compile(rf"/sign-in\?next=/groups/{group}$"))


def test_an_admins_change_of_a_role_reaches_the_open_page(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    team.join("otis", "viewer")
    group = team.group()
    page = come_in(open_page, "otis", f"/groups/{group}")
    pause = page.get_by_role("button", name="Pause all")
    expect(pause).to_be_disabled()
    admin = come_in(open_page, "ada", "/people")
    admin.get_by_label("Role of Otis").select_option("operator")
    expect(admin.locator(".say").filter(has_text="Otis is an operator now.")).to_be_visible()
    expect(pause).to_be_enabled()
    expect(page.get_by_role("button", name="Stop…")).to_be_disabled()
    pause.click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    row = admin.locator('[data-account="otis"]')
    row.get_by_role("button", name="Disable…").click()
    admin.get_by_role("button", name="Disable", exact=True).click()
    expect(row).to_contain_text("disabled")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_person_changes_the_password_and_makes_a_token(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    team.join("petra", "viewer")
    page = come_in(open_page, "petra", "/people")
    page.locator(".me > summary").click()
    page.get_by_role("button", name="Change password…").click()
    page.get_by_label("Present password").fill("wrong one")
    page.get_by_label("New password").fill("a better password")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("alert").filter(has_text="The present password is not right.")).to_be_visible()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Change it").click()
    expect(page.locator(".say").filter(has_text="Your password was changed.")).to_be_visible()
    page.get_by_label("Name of the token").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("[data-secret]").inner_text()
    asked = {"Authorization": f"Bearer {secret}"}
    assert done(httpx.get(f"{team.server.api}/me", headers=asked))["id"] == "petra"
    page.get_by_role("button", name="Remove laptop").click()
    expect(page.locator("[data-token]")).to_have_count(0)
    assert httpx.get(f"{team.server.api}/me", headers=asked).status_code == 401
    page.locator(".me > summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, "petra", "a better password")
    expect(page.locator(".me > summary")).to_be_visible()


def test_a_page_left_open_by_somebody_else_is_not_theirs_to_use(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    team.join("nora", "viewer")
    page = come_in(open_page, "ada", "/members")
    expect(page.locator(".members li").first).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{team.server.url}/sign-in")
    sign_in(other, "nora")
    expect(other.locator(".me > summary")).to_have_attribute("aria-label", "You: Nora, viewer")
    expect(page.locator(".me > summary")).to_have_attribute("aria-label", "You: Nora, viewer")
    expect(page.locator(".members-add")).to_contain_text("As a viewer you may not change the members.")


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1440, "dark")])
@pytest.mark.parametrize("path", ["/people", "/sign-in"])
def test_nothing_hangs_over_the_edge_words_stand_out_and_all_can_be_reached_by_keyboard(
    team: Team, open_page: Opener, path: str, width: int, theme: str
) -> None:
    page = open_page("/sign-in", width=width, theme=theme)
    if path == "/people":
        sign_in(page, "ada")
        expect(page.locator(".me > summary")).to_be_visible()
        page.goto(f"{team.server.url}{path}")
        expect(page.locator(".account").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CONTRAST) == []
    if path == "/sign-in":
        page.get_by_label("Sign-in name").focus()
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
    else:
        page.locator(".me > summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator(".me-list").get_by_role("link", name="Settings")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="People and tokens")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".me-list")).to_be_hidden()
    expect(page.locator(".me > summary")).to_be_visible()
