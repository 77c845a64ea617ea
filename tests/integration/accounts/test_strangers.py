"""With accounts, nothing but the way in is answered to strangers: no page, no address, no socket."""

from __future__ import annotations

import httpx
import pytest
from accounts_steps import PASSWORD, Team, closed_with, cookies_of, done, socket, wait_for, wrong
from websockets.exceptions import InvalidStatus

CLOSED = (
    "/status",
    "/groups",
    "/me",
    "/members",
    "/requests",
    "/templates",
    "/offers",
    "/accounts",
    "/openapi.json",
    "/docs",
)
PAGES = ("/", "/new", "/members", "/people", "/groups/abc", "/agents/abc-1/drive", "/nowhere")


def test_every_address_of_the_api_wants_a_sign_in(team: Team) -> None:
    paths = done(team.ada.get("/openapi.json"))["paths"]
    open_ones = {f"/api/v1/{name}" for name in ("health", "sign-in", "set-up", "invitation")}
    assert open_ones < set(paths)
    stranger = team.stranger()
    for path, methods in paths.items():
        if path in open_ones:
            continue
        for method in methods:
            reply = stranger.request(method, path.removeprefix("/api/v1").replace("{", "").replace("}", ""), json={})
            error = wrong(reply, 401, "not_signed_in")
            assert "sign-in" in error["hint"]
            assert reply.headers["WWW-Authenticate"] == "Bearer"
    for path in CLOSED:
        wrong(stranger.get(path), 401, "not_signed_in")


@pytest.mark.parametrize("path", PAGES)
def test_pages_lead_to_the_sign_in_page_and_back(team: Team, path: str) -> None:
    url = team.server.url
    reply = httpx.get(f"{url}{path}", params={"agent": "abc-1"})
    assert reply.status_code == 303
    assert reply.headers["location"] == f"/sign-in?next={path}%3Fagent%3Dabc-1"
    assert httpx.get(f"{url}{path}").headers["location"] == f"/sign-in?next={path}"


@pytest.mark.parametrize("path", ["/_nicegui/x/components/y.js", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"])
def test_the_pages_own_parts_are_refused(team: Team, path: str) -> None:
    reply = httpx.get(f"{team.server.url}{path}")
    assert reply.status_code in (303, 401)
    assert "0{" not in reply.text


def test_the_way_in_is_open(team: Team) -> None:
    url = team.server.url
    for path in ("/sign-in", "/claw/claw.css", "/claw/people.css", "/claw/way_in.js", "/claw/icon.svg"):
        assert httpx.get(f"{url}{path}").status_code == 200, path
    health = done(httpx.get(f"{team.server.api}/health"))
    assert health["sign_in"] is True
    assert str(team.server.home) not in str(health)


def test_the_feed_opens_for_nobody_and_says_why(team: Team) -> None:
    group = team.group()
    with socket(f"{team.server.api}/groups/{group}/feed") as feed:
        assert closed_with(feed) == 4401
    with socket(f"{team.server.api}/groups/{group}/feed", Authorization="Bearer claw_no") as feed:
        assert closed_with(feed) == 4401
    with socket(f"{team.server.api}/groups/{group}/feed", Cookie=f"{cookies_of(team.ada)}x") as feed:
        assert closed_with(feed) == 4401
    with socket(f"{team.server.api}/agents/{group}-1/terminal") as terminal:
        assert closed_with(terminal) == 4401
    with team.watch(team.ada, group) as feed:
        assert '"t":"snapshot"' in str(feed.recv(timeout=30))


@pytest.mark.parametrize("path", ["/_nicegui_ws/socket.io/?EIO=4&transport=websocket", "/anything"])
def test_other_sockets_are_refused_before_they_open(team: Team, path: str) -> None:
    with pytest.raises(InvalidStatus) as raised:
        socket(f"{team.server.url}{path}")
    assert raised.value.response.status_code == 403


def test_the_pages_socket_opens_for_who_is_signed_in(team: Team) -> None:
    url = f"{team.server.url}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with socket(url, team.ada) as opened:
        assert str(opened.recv(timeout=30)).startswith("0{")


def test_another_sites_page_may_not_use_the_cookie(team: Team) -> None:
    origin = {"Origin": "http://evil.example"}
    assert wrong(team.ada.post("/groups", json={}, headers=origin), 403, "foreign")
    with pytest.raises(InvalidStatus) as raised:
        socket(f"{team.server.api}/groups/{team.group()}/feed", team.ada, **origin)
    assert raised.value.response.status_code == 403


def test_the_header_by_which_the_local_admin_names_a_person_means_nothing(team: Team) -> None:
    for browser in (team.stranger(), team.ada):
        error = wrong(browser.get("/me", headers={"X-Claw-Person": "you"}), 403, "forbidden")
        assert "X-Claw-Person" in error["sentence"]


def test_the_runner_has_its_own_token_and_is_there(team: Team) -> None:
    wait_for(lambda: done(team.ada.get("/status"))["runner"]["state"] == "up", "the joining of the runner")


def test_a_cookie_is_kept_from_scripts_and_from_plain_http_where_there_is_tls(team: Team) -> None:
    body = {"name": "ada", "password": PASSWORD}
    plain = team.stranger().post("/sign-in", json=body).headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    behind = team.stranger(**{"X-Forwarded-Proto": "https"}).post("/sign-in", json=body).headers["set-cookie"]
    assert "Secure" in behind
