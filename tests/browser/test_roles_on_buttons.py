"""What a role does not allow is shown, but cannot be pressed, and says why; the server refuses it all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_faults import Faults, Opener
from browser_steps import Json, done, model_group, worker_at_work
from playwright.sync_api import Locator, Page, expect
from test_people_page import REFUSED, Team, come_in, server, team
from view_steps import row, see

from clawgroups.testing.model_process import ModelProcess

__all__ = ["server", "team"]  # a server on which people sign in, and its people
NEEDS = {
    "viewer": {
        "operator": "You are a viewer; this needs an operator.",
        "driver": "You are a viewer; this needs a driver.",
    },
    "operator": {"operator": "", "driver": "You are an operator; this needs a driver."},
}
TRY = """async (agent) => {
  const post = async (what, body = {}) =>
    (await fetch(`/api/v1/agents/${agent}/${what}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    })).status;
  return [await post("take-over", { mode: "now" }), await post("cancel", { children: "end" }),
    await post("fork", { step: 0 })];
}"""


@pytest.fixture(scope="module")
def people(team: Team) -> Team:
    """Vera may watch, Olga may answer and steer."""
    team.join("vera", "viewer")
    team.join("olga", "operator")
    return team


@pytest.fixture(scope="module")
def tile(people: Team, model: ModelProcess) -> Iterator[Json]:
    """A sub-agent at work for long."""
    group = model_group(people.ada, model, "conductor-1@0", "worker-9000@12")
    yield worker_at_work(people.ada, group)
    done(people.ada.post(f"/groups/{group}/cancel"))


def who(role: str) -> str:
    """The person of that role."""
    return {"viewer": "vera", "operator": "olga"}[role]


def stands(button: Locator, why: str) -> None:
    """The button is off and says why; or it is on, where there is nothing to say."""
    expect(button).to_be_visible()
    if why:
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("title", why)
    else:
        expect(button).to_be_enabled()


@pytest.fixture(params=["viewer", "operator"])
def role(request: pytest.FixtureRequest, faults: Faults) -> str:
    """A role that does not allow everything."""
    faults.allow(REFUSED)
    return str(request.param)


def enter(role: str, open_page: Opener, people: Team, path: str) -> Page:
    """A browser in which the person of that role is signed in; ``people`` have to be there first."""
    assert people
    return come_in(open_page, who(role), path)


def of_group(tile: Json, view: str) -> str:
    """The group's page with that sub-agent selected."""
    return f"/groups/{tile['id'].rpartition('-')[0]}?agent={tile['id']}&view={view}"


def test_in_the_tree_and_the_drawer(role: str, open_page: Opener, people: Team, tile: Json) -> None:
    page = enter(role, open_page, people, of_group(tile, "tree"))
    see(page, "tree")
    for act, least in (("pause", "operator"), ("steer", "operator"), ("cancel", "driver")):
        stands(page.locator(f'.tree [data-act="{act}"]'), NEEDS[role][least])
    drawer = page.locator(".drawer")
    stands(drawer.get_by_role("button", name="Take over"), NEEDS[role]["driver"])
    stands(drawer.get_by_role("button", name="Pause"), NEEDS[role]["operator"])
    drawer.get_by_text("⋯").click()
    for name in ("Give to another member…", "Fork from a step…", "End it…"):
        stands(drawer.get_by_role("button", name=name), NEEDS[role]["driver"])


def test_in_the_tables_bar_for_many(role: str, open_page: Opener, people: Team, tile: Json) -> None:
    page = enter(role, open_page, people, of_group(tile, "table").replace("agent=", "no="))
    see(page, "table")
    row(page, "table", tile).click(modifiers=["Control"])
    for act, least in (("pause", "operator"), ("steer", "operator"), ("reassign", "driver"), ("cancel", "driver")):
        stands(page.locator(f'.sheet [data-act="{act}"]'), NEEDS[role][least])


def test_on_the_timeline_nothing_but_looking_is_offered(role: str, open_page: Opener, people: Team, tile: Json) -> None:
    page = enter(role, open_page, people, of_group(tile, "timeline").replace("agent=", "no="))
    see(page, "timeline")
    row(page, "timeline", tile).click()
    stands(page.locator(".drawer").get_by_role("button", name="Take over"), NEEDS[role]["driver"])
    assert page.locator(".tl [data-act]").count() == 0


def test_in_the_palette(role: str, open_page: Opener, people: Team, tile: Json) -> None:
    page = enter(role, open_page, people, of_group(tile, "wall"))
    expect(page.locator(".drawer h2")).to_be_visible()
    page.keyboard.press("Control+k")
    for words, least in (
        (f"Take over {tile['name']}", "driver"),
        (f"Pause {tile['name']}", "operator"),
        (f"Steer {tile['name']}…", "operator"),
        (f"End {tile['name']}…", "driver"),
        ("Pause the whole group", "operator"),
        ("Stop the whole group…", "driver"),
        ("New group", "driver"),
    ):
        found = page.locator(".finder-row", has=page.get_by_text(words, exact=True))
        why = NEEDS[role][least]
        expect(found).to_be_visible()
        assert found.get_attribute("aria-disabled") == ("true" if why else None), words
        assert (found.get_attribute("title") or "") == why


def test_on_the_take_over_screen_with_its_editor_and_terminal(
    role: str, open_page: Opener, people: Team, tile: Json
) -> None:
    page = enter(role, open_page, people, f"/agents/{tile['id']}/drive")
    stands(page.locator('.wheel [data-act="now"]'), NEEDS[role]["driver"])
    stands(page.locator('.wheel [data-act="pause"]'), NEEDS[role]["operator"])
    panel = page.locator(".drive-side")
    steer = panel.get_by_role("button", name="Queue for the next step")
    panel.get_by_label("Steer it").fill("Look at the notes.")
    expect(steer).to_be_disabled() if role == "viewer" else expect(steer).to_be_enabled()
    if role == "viewer":
        expect(steer).to_have_attribute(
            "title", "As a viewer you may not steer. It needs an operator: ask Ada Lovelace, Olga."
        )
    no = f"As {'an operator' if role == 'operator' else 'a viewer'} you may not"
    for tab, name, what in (
        ("terminal", "Open the terminal", "work in a sub-agent's place"),
        ("files", "Begin it", "work in a sub-agent's place"),
        ("about", "Cancel it…", "end a sub-agent"),
        ("give", "Give it to them", "reassign"),
    ):
        page.locator(f'[data-panel="{tab}"]').click()
        stands(panel.get_by_role("button", name=name), f"{no} {what}. It needs a driver: ask Ada Lovelace.")
    fork = page.get_by_role("button", name="Fork from here").first
    if fork.count():
        stands(fork, f"{no} fork a sub-agent. It needs a driver: ask Ada Lovelace.")


def test_the_server_refuses_it_all_the_same(role: str, open_page: Opener, people: Team, tile: Json) -> None:
    page = enter(role, open_page, people, of_group(tile, "wall"))
    assert page.evaluate(TRY, tile["id"]) == [403, 403, 403]
    assert done(people.ada.get(f"/agents/{tile['id']}"))["state"] == "driving"
