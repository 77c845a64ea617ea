"""The wheel's rarer ways: after this step, a lease that runs out, a task given away, words for the next step."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from browser_faults import Opener
from browser_steps import (
    Json,
    agent,
    asking,
    at_the_wheel,
    done,
    item_of,
    model_group,
    person,
    take_the_wheel,
    transcript,
    until_state,
    wait_for,
    worker_at_work,
)
from playwright.sync_api import Page, expect

from clawgroups.testing.model_process import ModelProcess
from clawgroups.testing.server_process import ServerProcess

SLOW = "worker-600@12"  # it writes one turn for about 15 s
STEADY = "worker-150@12"  # about 4 s a turn
WORDS = "Look at the notes first."


def in_its_first_turn(api: httpx.Client, model: ModelProcess, worker: str) -> tuple[str, Json]:
    """A group whose worker writes its first turn."""
    group = model_group(api, model, "conductor-1@0", worker)
    return group, worker_at_work(api, group)


def kinds(api: httpx.Client, group: str, agent_id: str) -> list[str]:
    """What happened to a sub-agent, in order."""
    events = done(api.get(f"/groups/{group}/events", params={"limit": 1000}))["events"]
    return [event["kind"] for event in events if event["agent_id"] == agent_id]


def test_after_this_step_the_step_ends_first_and_then_the_wheel_is_mine(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, tile = in_its_first_turn(api, model, STEADY)
    page = open_page(f"/agents/{tile['id']}/drive")
    page.get_by_role("button", name="After this step").click()
    expect(page.locator(".wheel h2")).to_have_text("You take over after this step")
    expect(page.locator(".wheel-note")).to_contain_text("finishes its step and its tool calls first")
    at_the_wheel(page)
    expect(page.locator(".wheel-proof")).to_contain_text("it was in no turn")
    expect(page.locator(".line.unfinished")).to_have_count(0)
    thread = transcript(api, tile["id"])
    assert [(entry["role"], entry["fate"]) for entry in thread][-1] == ("tool", "done"), (
        "the step's call has its result"
    )
    assert agent(api, tile["id"])["step"] == 1
    done(api.post(f"/groups/{group}/cancel"))


@pytest.mark.parametrize("where", ["drawer", "screen"])
def test_a_wish_for_the_wheel_is_withdrawn_and_the_agent_goes_on(
    open_page: Opener, api: httpx.Client, model: ModelProcess, where: str
) -> None:
    group, tile = in_its_first_turn(api, model, STEADY)
    in_drawer = where == "drawer"
    page = open_page(f"/groups/{group}?agent={tile['id']}" if in_drawer else f"/agents/{tile['id']}/drive")
    page.get_by_role("button", name="After this step").click()
    if in_drawer:
        expect(page.locator(".drawer-note")).to_contain_text("takes over after this step")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    expect(page.get_by_role("button", name="After this step")).to_be_visible()
    until_state(api, tile["id"], "done")
    happened = kinds(api, group, tile["id"])
    assert happened.index("take_over_withdrawn") > happened.index("take_over_asked")
    assert "taken_over" not in happened


@pytest.fixture(scope="module")
def short_lease(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose people lose the wheel after a few seconds without a sign of life."""
    with ServerProcess(tmp_path_factory.mktemp("short"), env={"CLAWGROUPS_LEASE_S": "10"}) as running:
        yield running


def test_a_lease_that_runs_out_pauses_the_agent_the_page_says_so_and_keeps_the_words(
    open_page: Opener, short_lease: ServerProcess, model: ModelProcess
) -> None:
    with httpx.Client(base_url=short_lease.api, timeout=30, trust_env=False) as api:
        group, tile = in_its_first_turn(api, model, SLOW)
        page = open_page(f"/agents/{tile['id']}/drive", at=short_lease.url)
        take_the_wheel(page)
        page.get_by_label("Your turn, or the result").fill("Half a thought")
        expect(page.locator(".wheel-note")).to_contain_text("You have been away", timeout=40_000)
        expect(page.locator(".wheel h2")).to_have_text("Your lease ran out; nobody drives")
        assert agent(api, tile["id"])["state"] == "paused"
        assert agent(api, tile["id"])["driver"] is None
        turn = page.get_by_label("Your turn, or the result")
        expect(turn).to_be_visible()
        expect(turn).to_have_value("Half a thought")
        expect(page.get_by_role("button", name="Write the turn")).to_be_disabled()

        page.reload()
        expect(page.locator(".wheel h2")).to_have_text("Your lease ran out; nobody drives")
        expect(turn).to_have_value("Half a thought")
        page.locator('.wheel [data-act="now"]').click()
        expect(page.locator(".wheel-proof")).to_contain_text("was running when you took over")
        page.get_by_role("button", name="Write the turn").click()
        expect(page.locator(".thread .by-human .words").filter(has_text="Half a thought")).to_be_visible()
        happened = kinds(api, group, tile["id"])
        lapse = happened.index("lease_lapsed")
        assert "driver_granted" not in happened[lapse:], "it never went back to the agent by itself"
        done(api.post(f"/groups/{group}/cancel"))


def test_who_is_active_at_the_wheel_keeps_it_beyond_the_lease(
    open_page: Opener, short_lease: ServerProcess, model: ModelProcess
) -> None:
    with httpx.Client(base_url=short_lease.api, timeout=30, trust_env=False) as api:
        group, tile = in_its_first_turn(api, model, SLOW)
        page = open_page(f"/agents/{tile['id']}/drive", at=short_lease.url)
        take_the_wheel(page)
        turn = page.get_by_label("Your turn, or the result")

        def twice_renewed() -> bool:
            turn.press_sequentially("word ")
            return kinds(api, group, tile["id"]).count("lease_renewed") >= 2

        wait_for(twice_renewed, "two renewals")
        assert "lease_lapsed" not in kinds(api, group, tile["id"])
        at_the_wheel(page)
        done(api.post(f"/groups/{group}/cancel"))


def test_a_pause_by_hand_is_not_told_as_a_lease_that_ran_out(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, tile = in_its_first_turn(api, model, STEADY)
    page = open_page(f"/agents/{tile['id']}/drive")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".wheel-note")).to_contain_text("It is paused.")
    expect(page.locator(".wheel h2")).to_have_text("Nobody drives")
    done(api.post(f"/groups/{group}/cancel"))


def give_to(page: Page, member: str, reason: str) -> None:
    """Reassigns the selected sub-agent by the drawer's menu."""
    page.get_by_label("More").click()
    page.get_by_role("button", name="Give to another member").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Member").select_option(member)
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Reassign").click()
    expect(dialog).to_have_count(0)


def test_a_task_is_given_to_another_person_from_the_group_page(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    ben = person(api, "Ben")
    group, tile = in_its_first_turn(api, model, SLOW)
    page = open_page(f"/groups/{group}?agent={tile['id']}")
    give_to(page, ben, "Ben knows this folder.")
    expect(page.locator(".says")).to_contain_text("was reassigned")
    expect(page.locator(".drawer-driver")).to_contain_text("Ben (person) drives")
    expect(page.locator(f'.tile[data-id="{tile["id"]}"]')).to_have_attribute("data-look", "att")
    (request,) = [one for one in asking(api, group) if one["kind"] == "task"]
    expect(item_of(page, request)).to_contain_text("Your task")
    assert until_state(api, tile["id"], "driving")["driver"]["id"] == ben
    page.get_by_role("tab", name="Thread").click()
    expect(page.locator(".drawer .thread [data-kind=reassign]")).to_contain_text("Ben knows this folder.")
    streams = [heard for heard in model.report()["requests"] if heard["about"] and heard["about"] in tile["title"]]
    assert all(heard["aborted"] for heard in streams), "nobody writes for the old driver any more"
    done(api.post(f"/groups/{group}/cancel"))


def test_a_task_that_was_given_to_me_is_begun_from_the_inbox(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, tile = in_its_first_turn(api, model, SLOW)
    page = open_page(f"/groups/{group}?agent={tile['id']}")
    give_to(page, "you", "I shall do it myself.")
    page.get_by_role("link", name="Take the wheel").click()
    page.wait_for_url(f"**/agents/{tile['id']}/drive")
    expect(page.locator(".wheel")).to_have_attribute("data-mode", "mine")
    expect(page.locator(".wheel-lease")).to_be_visible()  # the first sign of life begins the lease
    expect(page.locator('.thread [data-kind="reassign"]')).to_contain_text("I shall do it myself.")
    page.get_by_label("Your turn, or the result").fill("I begin.")
    page.get_by_role("button", name="Write the turn").click()
    expect(page.locator(".thread .by-human .words").filter(has_text="I begin.")).to_be_visible()
    assert done(api.get("/requests", params={"group": group}))["requests"] == []
    done(api.post(f"/groups/{group}/cancel"))


def test_words_for_the_next_step_are_shown_as_queued_and_then_as_delivered(
    open_page: Opener, api: httpx.Client, model: ModelProcess
) -> None:
    group, tile = in_its_first_turn(api, model, STEADY)
    page, wall = open_page(f"/agents/{tile['id']}/drive"), open_page(f"/groups/{group}?agent={tile['id']}")
    page.get_by_label("Steer it").fill(WORDS)
    page.get_by_role("button", name="Queue for the next step").click()
    queued = page.locator(".drive-queued")
    expect(queued).to_have_text(f"queued{WORDS}")
    expect(page.get_by_label("Steer it")).to_have_value("")
    expect(wall.locator(".composer")).to_contain_text("1 queued")
    assert not [entry for entry in transcript(api, tile["id"]) if entry["kind"] == "steer"], "not before the step ends"

    delivered = page.locator('.thread [data-kind="steer"]')
    expect(delivered).to_contain_text(WORDS)
    expect(delivered.get_by_role("heading")).to_contain_text("Words for the next step · from")
    expect(queued).to_have_count(0)
    expect(wall.locator(".composer")).not_to_contain_text("queued")
    expect(wall.locator(".steps")).to_contain_text(WORDS)
    thread = transcript(api, tile["id"])
    at = next(n for n, entry in enumerate(thread) if entry["kind"] == "steer")
    assert thread[at - 1]["role"] == "tool", "between two steps, after the call's result"
    done(api.post(f"/groups/{group}/cancel"))
