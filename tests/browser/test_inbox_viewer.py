"""Who may only watch sees the inbox, who has what, and why they cannot act; the order of the inbox as a function."""

from __future__ import annotations

import re

from browser_faults import Faults, Opener
from browser_steps import item_of
from playwright.sync_api import expect
from test_people_page import REFUSED, Team, come_in, done, server, team

__all__ = ["server", "team"]  # a server on which people sign in, and its people

RANK = """async (given) => {
  const { causesOf, costOf } = await import("/claw/rank.js");
  const now = 1_000_000_000;
  const usual = { group: "g", kind: "approval", risk: { weight: 2 }, blocked: 1, rate: 0 };
  const made = given.map((one, n) => {
    const opened_at = now - (one.minutes ?? 0) * 60_000;
    return { ...usual, id: `g-r${n}`, agent: `g-${n}`, cause: `c${n}`, ...one, opened_at };
  });
  const order = causesOf(made, now).map((one) => one.all.map((r) => r.id));
  return { costs: made.map((one) => costOf(one, now)), order };
}"""


def test_a_viewer_sees_who_has_what_and_is_told_why_they_cannot_act(
    team: Team, open_page: Opener, faults: Faults
) -> None:
    faults.allow(REFUSED)
    team.join("vera", "viewer")
    group = team.group()
    request = done(team.ada.get("/requests", params={"group": group}))["requests"][0]
    done(team.ada.post(f"/requests/{request['id']}/assign", json={}))
    page = come_in(open_page, "vera", f"/groups/{group}")
    item = item_of(page, request)
    item.locator(".item-name").click()
    expect(item.locator(".claim")).to_contain_text("Ada Lovelace has it")
    expect(item.get_by_role("button", name="Take it")).to_be_disabled()
    expect(item.get_by_role("button", name="Take it")).to_have_attribute(
        "title", "You are a viewer; this needs an operator."
    )
    page.keyboard.press("c")
    item.get_by_role("button", name="Snooze…").click()  # what one does not want to see is one's own matter
    page.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    expect(page.get_by_role("button", name=re.compile("Snoozed"))).to_have_text("Snoozed (1)")
    found = done(team.ada.get("/requests", params={"group": group}))["requests"][0]
    assert found["assigned_name"] == "Ada Lovelace"


def test_the_cost_of_waiting_is_risk_times_blocked_times_age_times_spend(open_page: Opener) -> None:
    given = [
        {"kind": "review", "risk": {"weight": 1}},
        {},
        {"risk": {"weight": 3}},
        {"blocked": 3},
        {"minutes": 20},
        {"rate": 10},
        {"risk": {"weight": 3}, "blocked": 3, "minutes": 20, "rate": 10},
    ]
    ranked = open_page("/sign-in").evaluate(RANK, given)
    assert ranked["costs"] == [1, 2, 3, 6, 6, 6, 81]
    assert [ids[0] for ids in ranked["order"]] == ["g-r6", "g-r4", "g-r3", "g-r5", "g-r2", "g-r1", "g-r0"]


def test_the_same_asked_by_many_costs_what_all_of_them_cost_and_is_one(open_page: Opener) -> None:
    ranked = open_page("/sign-in").evaluate(
        RANK, [{"blocked": 2}, {"cause": "same"}, {"cause": "same", "minutes": 1}, {"cause": "same"}]
    )
    assert ranked["order"] == [["g-r2", "g-r1", "g-r3"], ["g-r0"]]
