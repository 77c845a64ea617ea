"""Signing in and out, invitations, passwords, tokens: what ends, ends at once, on open sockets too."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx
import pytest
from accounts_steps import PASSWORD, Team, closed_with, done, frames, people, socket, wait_for, wrong
from websockets.sync.client import ClientConnection

from clawgroups.testing.server_process import ServerProcess


@contextlib.contextmanager
def watching(team: Team, browser: httpx.Client) -> Iterator[ClientConnection]:
    """An open feed that has shown its snapshot."""
    with team.watch(browser, team.group()) as feed:
        assert frames(feed)[0]["t"] == "snapshot"
        yield feed


def test_the_set_up_link_works_once_and_its_key_is_private(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServerProcess(tmp_path_factory.mktemp("first") / "home", pages=False) as server:
        key_file = server.home / "set-up.key"
        key = key_file.read_text()
        assert key_file.stat().st_mode & 0o777 == 0o600
        wait_for(lambda: f"/set-up?key={key}" in server.log_text(), "the link in the log")
        with httpx.Client(base_url=server.api, timeout=30) as before, httpx.Client(base_url=server.api) as other:
            made = done(before.post("/groups", json={"name": "N", "goal": "g", "conductor": "survey-conductor"}))
            body = {"key": key, "sign_in_name": "Ada", "password": PASSWORD}
            wrong(other.post("/set-up", json={**body, "key": "guess"}), 403, "forbidden")
            wrong(other.post("/set-up", json={**body, "password": "too short"}), 422, "invalid")
            wrong(other.post("/set-up", json={**body, "sign_in_name": "a b"}), 422, "invalid")
            wrong(other.post("/sign-in", json={"name": "Ada", "password": PASSWORD}), 422, "invalid")
            with socket(f"{server.api}/groups/{made['id']}/feed") as open_before:
                done(other.post("/set-up", json=body))
                assert closed_with(open_before) == 4401
            assert not key_file.exists()
            wrong(before.get("/groups"), 401, "not_signed_in")
            wrong(before.post("/set-up", json=body), 403, "forbidden")
            assert [group["id"] for group in done(other.get("/groups"))["groups"]] == [made["id"]]
        server.stop()


def test_a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words(team: Team) -> None:
    stranger = team.stranger()
    team.join("known", "viewer")
    replies = [
        stranger.post("/sign-in", json={"name": name, "password": "not the password"})
        for name in ("known", "unknown-name")
    ]
    told = [wrong(reply, 401, "not_signed_in") for reply in replies]
    assert told[0] == told[1]
    assert not stranger.cookies


def test_a_name_is_written_as_one_likes(team: Team) -> None:
    team.join("casey", "viewer")
    assert done(team.sign_in(" Casey ").get("/me"))["name"] == "Casey"


def test_too_many_wrong_passwords_are_answered_at_once_with_how_long_to_wait(team: Team) -> None:
    team.join("tried", "viewer")
    stranger = team.stranger()
    replies = [stranger.post("/sign-in", json={"name": "tried", "password": "guess"}) for _ in range(7)]
    assert [reply.status_code for reply in replies[:5]] == [401] * 5
    started = time.monotonic()
    late = stranger.post("/sign-in", json={"name": "tried", "password": PASSWORD})
    error = wrong(late, 429, "too_many_tries")
    assert time.monotonic() - started < 5, "a refusal must not keep anybody waiting"
    assert int(late.headers["Retry-After"]) == error["wait_s"] > 0
    assert f"wait {error['wait_s']} second" in error["sentence"]

    def again() -> bool:
        return stranger.post("/sign-in", json={"name": "tried", "password": PASSWORD}).is_success

    wait_for(again, "the end of the wait")


def test_an_invitation_works_once_and_a_new_one_replaces_it(team: Team) -> None:
    first = done(team.ada.post("/accounts", json={"sign_in_name": "ivy", "role": "viewer"}))
    second = done(team.ada.post(f"/accounts/{first['id']}/invitation"))
    keys = [made["invitation"].split("=")[1] for made in (first, second)]
    stranger = team.stranger()
    wrong(stranger.post("/invitation", json={"key": keys[0], "password": PASSWORD}), 403, "forbidden")
    wrong(stranger.post("/invitation", json={"key": keys[1], "password": "short"}), 422, "invalid")
    done(stranger.post("/invitation", json={"key": keys[1], "password": PASSWORD}))
    wrong(stranger.post("/invitation", json={"key": keys[1], "password": PASSWORD}), 403, "forbidden")
    assert done(stranger.get("/me"))["role"] == "viewer"
    view = next(one for one in done(team.ada.get("/accounts"))["accounts"] if one["id"] == first["id"])
    assert (view["invited"], view["has_password"], view["browsers"]) == (False, True, 1)


def test_names_are_taken_once(team: Team) -> None:
    team.join("single", "viewer")
    for body in ({"sign_in_name": "SINGLE", "name": "Other"}, {"sign_in_name": "other", "name": "Single"}):
        wrong(team.ada.post("/accounts", json=body), 422, "invalid")


def test_a_person_who_is_a_member_gets_an_account_of_their_own(team: Team) -> None:
    member = done(team.ada.post("/members", json={"name": "Paula", "kind": "person"}))
    made = done(team.ada.post("/accounts", json={"sign_in_name": "paula", "member": member["id"], "role": "driver"}))
    assert (made["id"], made["name"]) == (member["id"], "Paula")
    for wanted in (member["id"], "survey-worker"):
        wrong(team.ada.post("/accounts", json={"sign_in_name": "again", "member": wanted}), 422, "invalid")


def test_signing_out_ends_this_browser_alone_and_its_sockets(team: Team) -> None:
    here, there = team.join("walker", "viewer"), team.sign_in("walker")
    with watching(team, here) as feed, watching(team, there) as other:
        done(here.post("/sign-out"))
        assert closed_with(feed) == 4401
        wrong(here.get("/me"), 401, "not_signed_in")
        done(there.get("/me"))
        other.ping().wait(10)


def test_signing_out_everywhere_ends_all_browsers_and_sockets(team: Team) -> None:
    here, there = team.join("roamer", "viewer"), team.sign_in("roamer")
    with watching(team, here) as feed, watching(team, there) as other:
        done(there.post("/sign-out/everywhere"))
        assert [closed_with(feed), closed_with(other)] == [4401, 4401]
    for browser in (here, there):
        wrong(browser.get("/me"), 401, "not_signed_in")


def test_a_disabled_account_is_out_at_once_and_may_be_let_in_again(team: Team) -> None:
    here = team.join("loser", "driver")
    token = done(here.post("/me/tokens", json={"name": "laptop"}))["secret"]
    program = team.stranger(Authorization=f"Bearer {token}")
    with watching(team, here) as feed:
        done(team.ada.patch("/accounts/loser", json={"disabled": True}))
        assert closed_with(feed) == 4401
    for browser in (here, program):
        wrong(browser.get("/me"), 401, "not_signed_in")
    wrong(team.stranger().post("/sign-in", json={"name": "loser", "password": PASSWORD}), 401, "not_signed_in")
    done(team.ada.patch("/accounts/loser", json={"disabled": False}))
    wrong(here.get("/me"), 401, "not_signed_in")
    done(team.sign_in("loser").get("/me"))
    done(program.get("/me"))


def test_a_changed_role_holds_at_once_and_closes_what_was_open(team: Team) -> None:
    here = team.join("riser", "viewer")
    with watching(team, here) as feed:
        done(team.ada.patch("/accounts/riser", json={"role": "driver"}))
        assert closed_with(feed) == 4401
    assert done(here.get("/me"))["role"] == "driver"
    done(here.post("/groups", json={"name": "N", "goal": "g", "conductor": "survey-conductor"}))


def test_the_last_admin_stays_one(team: Team) -> None:
    for change in ({"role": "viewer"}, {"disabled": True}):
        assert wrong(team.ada.patch("/accounts/you", json=change), 409, "refused")["rule"] == "last_admin"
    invited = done(team.ada.post("/accounts", json={"sign_in_name": "heir", "role": "admin"}))
    wrong(team.ada.patch("/accounts/you", json={"role": "viewer"}), 409, "refused")
    done(team.ada.patch(f"/accounts/{invited['id']}", json={"role": "viewer"}))


def test_a_new_password_signs_the_other_browsers_out(team: Team) -> None:
    here, there = team.join("changer", "viewer"), team.sign_in("changer")
    error = wrong(here.post("/me/password", json={"old": "not it at all", "new": "another password"}), 422, "invalid")
    assert error["fields"][0]["field"] == "old"
    wrong(here.post("/me/password", json={"old": PASSWORD, "new": "short"}), 422, "invalid")
    with watching(team, there) as feed:
        done(here.post("/me/password", json={"old": PASSWORD, "new": "another password"}))
        assert closed_with(feed) == 4401
    done(here.get("/me"))
    wrong(there.get("/me"), 401, "not_signed_in")
    wrong(team.stranger().post("/sign-in", json={"name": "changer", "password": PASSWORD}), 401, "not_signed_in")
    done(team.sign_in("changer", "another password").get("/me"))


def test_a_token_acts_as_its_person_until_it_is_removed(team: Team) -> None:
    here = team.join("coder", "operator")
    made = done(here.post("/me/tokens", json={"name": "laptop"}))
    program = team.stranger(Authorization=f"Bearer {made['secret']}")
    assert done(program.get("/me"))["id"] == "coder"
    wrong(program.post("/groups", json={"name": "N", "goal": "g", "conductor": "survey-conductor"}), 403, "forbidden")
    listed = done(here.get("/me/tokens"))["tokens"]
    assert [token["id"] for token in listed] == [made["id"]]
    assert made["secret"] not in str(listed)
    wrong(team.ada.delete(f"/me/tokens/{made['id']}"), 404, "not_found")
    url = f"{team.server.api}/groups/{team.group()}/feed"
    with socket(url, Authorization=f"Bearer {made['secret']}") as feed:
        frames(feed)
        done(here.delete(f"/me/tokens/{made['id']}"))
        assert closed_with(feed) == 4401
    wrong(program.get("/me"), 401, "not_signed_in")


def test_people_see_who_else_watches_and_what_they_have_open(team: Team) -> None:
    group, vi = team.group(), team.join("vivian", "viewer")
    with team.watch(team.ada, group) as mine:
        people(mine, {"Ada": []})
        with team.watch(vi, group) as hers:
            people(hers, {"Ada": [], "Vivian": []})
            people(mine, {"Ada": [], "Vivian": []})
            hers.send(f'{{"t": "look", "agent": "{group}-1"}}')
            people(mine, {"Ada": [], "Vivian": [f"{group}-1"]})
            hers.send('{"t": "look", "agent": "another-1"}')
            people(mine, {"Ada": [], "Vivian": []})
        people(mine, {"Ada": []})


def test_the_homes_own_key_opens_it_for_whoever_can_read_the_file(team: Team) -> None:
    path = team.server.home / "admin.key"
    assert path.stat().st_mode & 0o777 == 0o600
    keeper = team.stranger(Authorization=f"Bearer {path.read_text()}")
    assert done(keeper.get("/accounts"))["accounts"]
    wrong(team.stranger(Authorization=f"Bearer {path.read_text()}x").get("/accounts"), 401, "not_signed_in")


def test_sign_ins_and_tokens_survive_a_crash_and_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ServerProcess(tmp_path_factory.mktemp("again") / "home", pages=False) as server:
        team = Team(server)
        token = done(team.ada.post("/me/tokens", json={"name": "laptop"}))["secret"]
        cookies = team.ada.cookies
        server.kill()
        server.start()
        with httpx.Client(base_url=server.api, cookies=cookies, timeout=30) as browser:
            assert done(browser.get("/me"))["name"] == "Ada"
        with httpx.Client(base_url=server.api, headers={"Authorization": f"Bearer {token}"}) as program:
            assert done(program.get("/me"))["name"] == "Ada"
        assert not (server.home / "set-up.key").exists()
        server.restart()
        with httpx.Client(base_url=server.api, cookies=cookies, timeout=30) as browser:
            assert done(browser.get("/accounts"))["accounts"][0]["last_seen"] > 0
        team.close()
        server.stop()
        assert not (server.home / "admin.key").exists()
