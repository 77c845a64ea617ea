"""Several people at the same browser: each finds their own unsent words again, and nobody reads another's."""

from __future__ import annotations

import pytest
from browser_faults import Faults, Opener
from browser_steps import done, model_group, take_the_wheel, worker_at_work
from playwright.sync_api import Page, expect
from test_people_page import REFUSED, Team, come_in, server, sign_in, team

from clawgroups.testing.model_process import ModelProcess

__all__ = ["server", "team"]  # a server on which people sign in, and its people


@pytest.fixture(scope="module")
def people(team: Team) -> Team:
    """Anna and Ben may drive."""
    team.join("anna", "driver")
    team.join("ben", "driver")
    return team


def change_places(page: Page, name: str) -> None:
    """Who sits there signs out, and somebody else signs in."""
    page.locator(".me > summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, name)
    expect(page.locator(".me > summary")).to_be_visible()


def hand_back(page: Page) -> None:
    """Gives the wheel back on the take-over screen."""
    page.locator('.wheel [data-act="give"]').click()
    page.locator('[data-act="back"]').click()
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "free")


def test_words_in_the_room_are_their_writers(people: Team, open_page: Opener, faults: Faults) -> None:
    faults.allow(REFUSED)
    place = f"{people.server.url}/groups/{people.group()}?view=room"
    page = come_in(open_page, "anna")
    page.goto(place)
    words = page.get_by_label("Your words in the room")
    words.fill("Ben is slow.")
    change_places(page, "ben")
    page.goto(place)
    expect(words).to_be_editable()
    expect(words).to_have_value("")
    words.fill("Anna is quick.")
    change_places(page, "anna")
    page.goto(place)
    expect(words).to_have_value("Ben is slow.")


def test_so_are_words_and_arguments_at_the_wheel_and_a_form(
    people: Team, model: ModelProcess, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    group = model_group(people.ada, model, "conductor-1@0", "worker-9000@12")
    drive = f"{people.server.url}/agents/{worker_at_work(people.ada, group)['id']}/drive"
    new = f"{people.server.url}/new"
    page = come_in(open_page, "anna")
    turn, path, goal = (
        page.get_by_label("Your turn, or the result"),
        page.get_by_label("path"),
        page.get_by_role("textbox", name="Goal"),
    )
    page.goto(drive)
    take_the_wheel(page)
    turn.fill("A turn of Anna")
    page.get_by_role("button", name="write_file", exact=True).click()
    path.fill("anna.txt")
    hand_back(page)
    page.goto(new)
    goal.fill("A goal of Anna")
    expect(page.locator(".form-kept")).to_be_visible()
    page.wait_for_function("Object.keys(localStorage).some((key) => key.startsWith('claw-form:'))")
    change_places(page, "ben")
    page.goto(new)
    expect(goal).to_have_value("")
    page.goto(drive)
    take_the_wheel(page)
    page.get_by_role("button", name="write_file", exact=True).click()
    expect(turn).to_have_value("")
    expect(path).to_have_value("")
    hand_back(page)
    change_places(page, "anna")
    page.goto(drive)
    take_the_wheel(page)
    expect(turn).to_have_value("A turn of Anna")
    expect(path).to_have_value("anna.txt")
    page.goto(new)
    expect(goal).to_have_value("A goal of Anna")
    done(people.ada.post(f"/groups/{group}/cancel"))
