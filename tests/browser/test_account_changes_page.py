"""Admins see on the people page what was done to accounts, by whom and when; nobody else does."""

from __future__ import annotations

from browser_faults import Faults, Opener
from browser_steps import done
from playwright.sync_api import expect
from test_people_page import REFUSED, Team, come_in, server, team

__all__ = ["server", "team"]  # a server on which people sign in, and its people


def test_a_changed_role_stands_there_at_once_with_who_did_it(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    vera = team.join("vera", "viewer")
    page = come_in(open_page, "ada", "/people")
    changes = page.locator('[data-part="changes"]')
    expect(changes.locator("li").first).to_contain_text("Vera chose a password by the link")
    page.locator(f'[data-account="{vera}"] select').select_option("driver")
    expect(changes.locator('li[data-change="role"]').first).to_contain_text(
        "Ada Lovelace changed the role: viewer to driver · Vera"
    )
    expect(changes.locator("li").last).to_contain_text("set up sign-in and is the first admin")
    for number in range(60):
        role = "viewer" if number % 2 == 0 else "driver"
        done(team.ada.patch(f"/accounts/{vera}", json={"role": role}))
    expect(changes.locator("li")).to_have_count(50)
    changes.get_by_role("button", name="Show older").click()
    expect(changes.locator("li").last).to_contain_text("set up sign-in and is the first admin")
    expect(changes.get_by_role("button", name="Show older")).to_have_count(0)


def test_who_is_no_admin_does_not_see_it(team: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    team.join("olga", "operator")
    page = come_in(open_page, "olga", "/people")
    expect(page.get_by_role("heading", name="Your tokens")).to_be_visible()
    expect(page.locator('[data-part="changes"]')).to_have_count(0)
