"""A person who went away at the wheel: the group's inbox says so in words, and one click lets the agent go on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_faults import Opener
from browser_steps import Json, agent, done, item_of, until_request, until_state, wait_for
from inbox_steps import PROGRAM, count_is
from playwright.sync_api import expect

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose people lose the wheel after two seconds without a sign of life."""
    with ServerProcess(tmp_path_factory.mktemp("lapsing"), env={"CLAWGROUPS_LEASE_S": "2"}) as running:
        yield running


def _left_alone(api: httpx.Client, gates: Path) -> Json:
    """The request that somebody left who took the wheel and gave no sign of life."""
    name, command = f"Planned {secrets.token_hex(3)}", ["{python}", str(PROGRAM), str(gates)]
    member = done(api.post("/members", json={"name": name, "kind": "program", "program": {"command": command}}))["id"]
    goal = "Wait.\n" + json.dumps({"turns": [{"text": "I wait.", "wait": "never", "calls": []}], "result": "done"})
    body = {"name": "Left alone", "goal": goal, "conductor": member, "worker": member, "start": True}
    group = done(api.post("/groups", json=body))["id"]
    until_state(api, f"{group}-1", "driving")
    done(api.post(f"/agents/{group}-1/take-over", json={"mode": "now"}))
    request = until_request(api, group, "stall")
    wait_for(lambda: agent(api, request["agent"])["stop"]["epoch"] == 2, "the proof that their seat has stopped")
    return request


def test_it_appears_in_words_and_let_it_go_on_does_so(open_page: Opener, short: ServerProcess, tmp_path: Path) -> None:
    with httpx.Client(base_url=short.api, timeout=30, trust_env=False) as api:
        request = _left_alone(api, tmp_path)
        page = open_page(f"/groups/{request['group']}", at=short.url)
        item = item_of(page, request)
        count_is(page, 1)
        name = done(api.get("/me"))["name"]
        expect(item).to_contain_text(f"{name}'s wheel of conductor ran out; nobody drives it.", ignore_case=True)
        expect(item).to_contain_text("Stuck")
        item.locator(".item-name").click()
        for label in ("Let it go on", "Take over", "Give to another…", "End this sub-agent…"):
            expect(item.get_by_role("button", name=label)).to_be_visible()
        item.get_by_role("button", name="Let it go on").click()
        expect(item).to_have_count(0)
        driven = until_state(api, request["agent"], "driving")
        assert driven["driver"]["kind"] == "program"
        count_is(page, 0)
        done(api.post(f"/groups/{request['group']}/cancel"))


def test_take_over_leads_to_the_wheel(open_page: Opener, short: ServerProcess, tmp_path: Path) -> None:
    with httpx.Client(base_url=short.api, timeout=30, trust_env=False) as api:
        request = _left_alone(api, tmp_path)
        page = open_page(f"/groups/{request['group']}", at=short.url)
        item = item_of(page, request)
        item.locator(".item-name").click()
        item.get_by_role("button", name="Take over", exact=True).click()
        page.wait_for_url(f"**/agents/{request['agent']}/drive")
        expect(page.locator(".wheel h2")).to_have_text("You hold the wheel")
        assert agent(api, request["agent"])["driver"]["id"] == "you"
        done(api.post(f"/groups/{request['group']}/cancel"))
