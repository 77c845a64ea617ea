"""What each role may do, asked over real HTTP: the server refuses, whatever a page shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from accounts_steps import Team, done, wait_for, wrong

ORDER = ("viewer", "operator", "driver", "admin")
Deed = Callable[[httpx.Client, str], httpx.Response]
NEW = {"name": "N", "goal": "g", "conductor": "survey-conductor"}
DEEDS: dict[str, tuple[str, Deed]] = {
    "make a group": ("driver", lambda b, g: b.post("/groups", json=NEW)),
    "start": ("driver", lambda b, g: b.post(f"/groups/{g}/start")),
    "pause all": ("operator", lambda b, g: b.post(f"/groups/{g}/pause")),
    "resume all": ("operator", lambda b, g: b.post(f"/groups/{g}/resume")),
    "cancel all": ("driver", lambda b, g: b.post(f"/groups/{g}/cancel")),
    "take over": ("driver", lambda b, g: b.post(f"/agents/{g}-1/take-over", json={})),
    "withdraw": ("driver", lambda b, g: b.post(f"/agents/{g}-1/take-over/withdraw")),
    "lease": ("driver", lambda b, g: b.post(f"/agents/{g}-1/lease", json={"epoch": 0})),
    "step": ("driver", lambda b, g: b.post(f"/agents/{g}-1/steps", json={"epoch": 0, "content": "x"})),
    "hand back": ("driver", lambda b, g: b.post(f"/agents/{g}-1/hand-back", json={})),
    "reassign": ("driver", lambda b, g: b.post(f"/agents/{g}-1/reassign", json={"to": "survey-worker"})),
    "fork": ("driver", lambda b, g: b.post(f"/agents/{g}-1/fork", json={"step": 0})),
    "steer": ("operator", lambda b, g: b.post(f"/agents/{g}-1/steer", json={"message": "x"})),
    "pause": ("operator", lambda b, g: b.post(f"/agents/{g}-1/pause")),
    "resume": ("operator", lambda b, g: b.post(f"/agents/{g}-1/resume")),
    "end": ("driver", lambda b, g: b.post(f"/agents/{g}-1/cancel", json={})),
    "add a member": ("admin", lambda b, g: b.post("/members", json={"name": f"Person {g}", "kind": "person"})),
    "change a member": ("admin", lambda b, g: b.patch("/members/survey-worker", json={"skills": []})),
    "remove a member": ("admin", lambda b, g: b.delete("/members/survey-worker")),
    "test a member": ("driver", lambda b, g: b.post("/members/you/test")),
    "look for offers": ("driver", lambda b, g: b.get("/offers")),
    "save a template": ("driver", lambda b, g: b.post("/templates", json={"name": f"T {g}", "group": g})),
    "rename a template": ("driver", lambda b, g: b.patch("/templates/none", json={"name": f"T {g}"})),
    "remove a template": ("driver", lambda b, g: b.delete("/templates/none")),
    "estimate a group": ("driver", lambda b, g: b.post("/estimate", json=NEW)),
    "show the guide": ("driver", lambda b, g: b.put("/guide", json={"shown": True})),
    "set a backend": ("admin", lambda b, g: b.put("/backend", json={"source": "/there/is/none"})),
    "stop the backend": ("admin", lambda b, g: b.post("/backend/stop")),
    "read its log": ("admin", lambda b, g: b.get("/backend/log")),
    "see accounts": ("admin", lambda b, g: b.get("/accounts")),
    "add an account": ("admin", lambda b, g: b.post("/accounts", json={"sign_in_name": "?"})),
    "change an account": ("admin", lambda b, g: b.patch("/accounts/you", json={})),
    "invite again": ("admin", lambda b, g: b.post("/accounts/nobody/invitation")),
    "sign somebody out": ("admin", lambda b, g: b.post("/accounts/nobody/sign-out")),
    "make somebody's token": ("admin", lambda b, g: b.post("/accounts/nobody/tokens")),
}
READS = ("/status", "/groups", "/members", "/requests", "/templates", "/guide", "/backend", "/me", "/me/tokens")


@pytest.fixture(scope="module")
def browsers(team: Team) -> dict[str, httpx.Client]:
    """A person of each role."""
    return {"admin": team.ada} | {role: team.join(role, role) for role in ORDER[:-1]}


@pytest.mark.parametrize("role", ORDER)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_role_is_refused_what_it_may_not_do_and_nothing_else(
    team: Team, browsers: dict[str, httpx.Client], role: str, deed: str
) -> None:
    least, act = DEEDS[deed]
    reply = act(browsers[role], team.group())
    if ORDER.index(role) < ORDER.index(least):
        error = wrong(reply, 403, "forbidden")
        assert error["sentence"].startswith(f"As a{'n' if role == 'operator' else ''} {role} you may not ")
        assert error["hint"].startswith(f"It needs a{'n' if least in ('operator', 'admin') else ''} {least}: ask ")
        assert "Ada" in error["hint"]
    else:
        assert reply.status_code not in (401, 403), reply.text


@pytest.mark.parametrize("path", READS)
def test_a_viewer_may_see_everything(team: Team, browsers: dict[str, httpx.Client], path: str) -> None:
    done(browsers["viewer"].get(path))


def test_a_viewer_is_told_nothing_of_folders(team: Team, browsers: dict[str, httpx.Client]) -> None:
    body = {**NEW, "template": "survey", "folder": "/there/is/none"}
    wrong(browsers["viewer"].post("/groups", json=body), 403, "forbidden")
    wrong(browsers["driver"].post("/groups", json=body), 422, "invalid")


def test_who_acts_is_on_record_by_name_and_the_first_admin_is_the_former_local_admin(
    team: Team, browsers: dict[str, httpx.Client]
) -> None:
    group = team.group()
    done(browsers["driver"].post(f"/groups/{group}/cancel"))
    events = done(team.ada.get(f"/groups/{group}/events"))["events"]
    assert events[0]["actor"] == "you"
    assert events[-1]["actor"] == "driver"
    assert done(team.ada.get("/me")) == {"id": "you", "name": "Ada", "role": "admin", "sign_in": True}


def at_the_wheel(team: Team, browser: httpx.Client) -> tuple[str, Any]:
    """A sub-agent that this person drives, proved alone."""
    slowly = {"template": "survey", "folder": str(Path(__file__).parent), "pace": 1}  # it may not be over before
    group = team.group(start=True, **slowly)
    agent = f"{group}-1"
    wait_for(lambda: done(team.ada.get(f"/agents/{agent}"))["driver"], "the launch")
    done(browser.post(f"/agents/{agent}/take-over", json={}))
    wait_for(lambda: done(team.ada.get(f"/agents/{agent}"))["state"] == "driving", "the proof of the stop")
    return agent, done(team.ada.get(f"/agents/{agent}"))


def test_an_admin_may_hand_back_for_another_and_a_driver_may_not(team: Team, browsers: dict[str, httpx.Client]) -> None:
    second, boss = team.join("second", "driver"), team.join("boss", "admin")
    agent, view = at_the_wheel(team, browsers["driver"])
    assert view["driver"]["id"] == "driver"
    refused = wrong(second.post(f"/agents/{agent}/hand-back", json={}), 409, "refused")
    assert refused["rule"] == "hand_back"
    handed = done(boss.post(f"/agents/{agent}/hand-back", json={"note": "Dora had to go."}))
    assert handed["driver"]["id"] == "survey-conductor"
    done(boss.post(f"/agents/{agent}/cancel", json={}))


def test_a_former_local_admin_who_is_a_driver_now_has_no_more_rights_than_other_drivers(
    team: Team, browsers: dict[str, httpx.Client]
) -> None:
    boss = team.join("chief", "admin")
    agent, _ = at_the_wheel(team, browsers["driver"])
    try:
        done(boss.patch("/accounts/you", json={"role": "driver"}))
        wrong(team.ada.post(f"/agents/{agent}/hand-back", json={}), 409, "refused")
        wrong(team.ada.get("/accounts"), 403, "forbidden")
    finally:
        done(boss.patch("/accounts/you", json={"role": "admin"}))
    done(team.ada.post(f"/agents/{agent}/hand-back", json={}))
    done(team.ada.post(f"/agents/{agent}/cancel", json={}))


def test_a_member_with_an_account_is_not_removed(team: Team, browsers: dict[str, httpx.Client]) -> None:
    error = wrong(team.ada.delete("/members/viewer"), 409, "refused")
    assert "Disable" in error["hint"]
