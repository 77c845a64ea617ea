"""The house's settings are an admin's, and the webhook's secret is nobody's to read again."""

from __future__ import annotations

import pytest
from accounts_steps import Team, done, wrong

from clawgroups.settings import Settings

SECRET = "made-up-secret-of-a-team"
URL = f"https://hooks.example/services/{SECRET}"


@pytest.mark.parametrize("role", ["viewer", "operator", "driver"])
def test_others_than_admins_see_and_change_nothing(team: Team, role: str) -> None:
    browser = team.join(f"settings-{role}", role)
    for reply in (
        browser.get("/settings"),
        browser.patch("/settings/webhook", json={"url": URL}),
        browser.post("/settings/webhook/test"),
    ):
        error = wrong(reply, 403, "forbidden")
        assert (
            error["sentence"]
            == f"As {'an' if role == 'operator' else 'a'} {role} you may not change the settings of the house."
        )
        assert "Ada" in error["hint"]
    assert not done(team.ada.get("/settings"))["webhook"]["set"]


def test_strangers_are_refused(team: Team) -> None:
    wrong(team.stranger().get("/settings"), 401, "not_signed_in")


def test_a_secret_is_kept_and_shown_to_nobody_again(team: Team) -> None:
    answers = [
        team.ada.patch("/settings/webhook", json={"url": URL, "kinds": ["budget"]}),
        team.ada.patch("/settings/webhook", json={"base": "https://claw.example/"}),
        team.ada.get("/settings"),
        team.ada.patch("/settings/webhook", json={"url": f"http://10.0.0.1/{SECRET}"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422]
    assert all(SECRET not in answer.text for answer in answers)
    kept = answers[2].json()["webhook"]
    assert (kept["set"], kept["kinds"], kept["base"]) == (True, ["budget"], "https://claw.example")
    assert kept["where"] == "https://hooks.example/…team"
    done(team.ada.patch("/settings/webhook", json={"url": ""}))
    assert not done(team.ada.get("/settings"))["webhook"]["set"]
    assert SECRET not in team.server.log_text()


def test_what_does_not_fit_is_refused(team: Team) -> None:
    for body in ({"kinds": ["gossip"]}, {"base": "javascript:alert(1)"}, {"base": "https://a|b"}, {"colour": "red"}):
        wrong(team.ada.patch("/settings/webhook", json=body), 422, "invalid")
    wrong(team.ada.post("/settings/webhook/test"), 422, "invalid")


def test_every_setting_of_the_start_is_shown_with_its_variable(team: Team) -> None:
    facts = done(team.ada.get("/settings"))["server"]
    shown = {fact["variable"] for fact in facts if fact["variable"]}
    assert shown == {f"CLAWGROUPS_{name.upper()}" for name in Settings.model_fields}
    values = {fact["id"]: fact["value"] for fact in facts}
    assert values["home"] == str(team.server.home)
    assert values["database"] == "SQLite"
    assert all(fact["value"] for fact in facts)
