"""Who may attach, and who may see it: the rights of the room's words hold for its files."""

from __future__ import annotations

import httpx
from accounts_steps import Team, done, wrong


def test_who_may_post_may_attach_and_who_is_signed_in_may_look(team: Team) -> None:
    group = team.group()
    viewer, operator = team.join("vera", "viewer"), team.join("otto", "operator")
    path = f"/groups/{group}/attachments"
    error = wrong(viewer.post(path, params={"name": "a.txt"}, content=b"a"), 403, "forbidden")
    assert "you may not say something in the room" in error["sentence"]
    wrong(team.stranger().post(path, params={"name": "a.txt"}, content=b"a"), 401, "not_signed_in")
    made = done(operator.post(path, params={"name": "a.txt"}, content=b"a"))
    body = {"text": "Here.", "attachments": [made["id"]]}
    wrong(viewer.post(f"/groups/{group}/messages", json=body), 403, "forbidden")
    done(operator.post(f"/groups/{group}/messages", json=body))
    assert viewer.get(f"{path}/{made['id']}").content == b"a"
    wrong(team.stranger().get(f"{path}/{made['id']}"), 401, "not_signed_in")
    foreign = httpx.post(
        f"{team.server.api}{path}", params={"name": "a.txt"}, content=b"a", headers={"Origin": "http://evil.example"}
    )
    wrong(foreign, 403, "foreign")
