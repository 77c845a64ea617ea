"""What was done to accounts is on record with who did it and when, and only admins read it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from accounts_steps import PASSWORD, Json, Team, done, wrong

from clawgroups.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A server of this module's own, so that nobody else's changes are on its record."""
    home: Path = tmp_path_factory.mktemp("changes") / "home"
    with ServerProcess(home) as server:
        made = Team(server)
        yield made
        made.close()


def changes(admin: httpx.Client, **query: int) -> list[Json]:
    """Newest first."""
    found: list[Json] = done(admin.get("/accounts/changes", params=query))["changes"]
    return found


def test_every_change_says_who_when_and_what_and_no_secret(fresh: Team) -> None:
    begun = time.time() * 1_000
    vera = fresh.join("vera", "viewer")
    done(fresh.ada.patch("/accounts/vera", json={"role": "driver"}))
    done(fresh.ada.patch("/accounts/vera", json={"role": "driver"}))  # it is that already: nothing was changed
    done(vera.post("/me/password", json={"old": PASSWORD, "new": "another long one"}))
    done(fresh.ada.post("/accounts/vera/invitation"))
    done(fresh.ada.patch("/accounts/vera", json={"password": "set by an admin"}))
    done(fresh.ada.patch("/accounts/vera", json={"disabled": True}))
    done(fresh.ada.patch("/accounts/vera", json={"disabled": False}))
    found = changes(fresh.ada)
    assert [(one["by_name"], one["name"], one["words"]) for one in found] == [
        ("Ada", "Vera", "enabled the account"),
        ("Ada", "Vera", "disabled the account"),
        ("Ada", "Vera", "set a new password"),
        ("Ada", "Vera", "made a new link to choose a password"),
        ("Vera", "Vera", "changed their own password"),
        ("Ada", "Vera", "changed the role: viewer to driver"),
        ("Vera", "Vera", "chose a password by the link"),
        ("Ada", "Vera", "made the account: viewer"),
        ("Ada", "Ada", "set up sign-in and is the first admin"),
    ]
    times = [one["at"] for one in found]
    assert times == sorted(times, reverse=True)
    assert begun <= times[-2]
    assert times[0] <= time.time() * 1_000
    words = str(found)
    assert not any(secret in words for secret in (PASSWORD, "another long one", "set by an admin", "argon2", "invite="))


def test_it_outlives_the_server_and_is_read_in_pages(fresh: Team) -> None:
    before = changes(fresh.ada, limit=200)
    fresh.server.kill()
    fresh.server.start()
    again = httpx.Client(base_url=fresh.server.api, timeout=30, trust_env=False)
    with again:
        done(again.post("/sign-in", json={"name": "ada", "password": PASSWORD}))
        assert changes(again, limit=200) == before
        page = done(again.get("/accounts/changes", params={"limit": 4}))
        rest = done(again.get("/accounts/changes", params={"limit": 200, "before": page["next"]}))
        assert page["changes"] + rest["changes"] == before
        assert rest["next"] is None
        refused = again.patch("/accounts/ada", json={"role": "viewer"})
        assert refused.status_code == 409
        assert changes(again, limit=200) == before, "what was refused was not done"
        done(again.post("/accounts", json={"sign_in_name": "olga", "name": "Olga", "role": "operator"}))
        invitation = done(again.post("/accounts/olga/invitation"))["invitation"].split("=")[1]
    with httpx.Client(base_url=fresh.server.api, timeout=30, trust_env=False) as olga:
        done(olga.post("/invitation", json={"key": invitation, "password": PASSWORD}))
        wrong(olga.get("/accounts/changes"), 403, "forbidden")
    wrong(httpx.get(f"{fresh.server.api}/accounts/changes", trust_env=False), 401, "not_signed_in")
