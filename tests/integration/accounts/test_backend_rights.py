"""Who is told what of the house's backend: a key may be among the options that it is started with."""

from __future__ import annotations

from pathlib import Path

from accounts_steps import Team, done

from clawgroups.testing.server_process import ServerProcess


def test_its_options_are_shown_to_admins_alone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    env = {"CLAWGROUPS_BACKEND": str(tmp_path / "model"), "CLAWGROUPS_BACKEND_OPTIONS": "--options '--api-key k1'"}
    with ServerProcess(tmp_path / "home", pages=False, env=env) as running:
        team = Team(running)
        try:
            assert done(team.ada.get("/backend"))["options"] == ["--options", "--api-key k1"]
            told = team.join("vera", "viewer").get("/backend")
            assert done(told)["source"]
            assert "k1" not in told.text
        finally:
            team.close()
