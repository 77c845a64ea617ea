"""Environments are made once, gone on with after a break, and never over something that is not ours."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from backend.cli.app import app
from backend.cli.setup import setup
from backend.errors import EnvironmentMissing
from backend.supervisor.environment import Environment
from backend.supervisor.recipe import Recipe, Step, recipe

PACKAGE = Path(__file__).parents[3] / "backend" / "sglang_cpu" / "sgl_kernel"


def _recipe(folder: Path, *, broken: bool = False, check: str = "import small") -> Recipe:
    """Two steps that need no index: a wheel that lies here, then another one or one that is not there."""
    steps = []
    for name in ("small", "late"):
        wheel = folder / f"{name}-1-py3-none-any.whl"
        with ZipFile(wheel, "w") as packed:
            packed.writestr(f"{name}.py", "")
            packed.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            packed.writestr(
                f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            packed.writestr(f"{name}-1.dist-info/RECORD", "")
        what = folder / "nowhere-1-py3-none-any.whl" if broken and name == "late" else wheel
        steps.append(Step(name, ("--no-deps", "--no-index", str(what))))
    return Recipe("sglang-cpu", "a small one", tuple(steps), 1, 1, check)


def _make(environment: Environment) -> list[str]:
    said: list[str] = []
    asyncio.run(environment.make(said.append))
    return said


def test_a_broken_install_goes_on_where_it_stopped(tmp_path: Path) -> None:
    broken = Environment(tmp_path / "env", _recipe(tmp_path, broken=True))
    with pytest.raises(EnvironmentMissing, match="could not be made"):
        _make(broken)
    assert not broken.ready()
    whole = Environment(tmp_path / "env", _recipe(tmp_path))
    record = json.loads((tmp_path / "env" / "clawgroups.json").read_text())
    assert record["done"] == ["small"]
    record["made_by"] = whole.recipe.fingerprint()  # the same recipe, whose package is there now
    (tmp_path / "env" / "clawgroups.json").write_text(json.dumps(record))
    said = _make(whole)
    assert "Installing late." in said
    assert "Installing small." not in said
    assert whole.ready()
    assert not [line for line in _make(whole) if "Installing" in line]
    (tmp_path / "env" / "bin" / "python").unlink()
    assert not whole.ready()
    assert "Installing small." in _make(whole)  # without its interpreter it is made anew


def test_one_that_does_not_work_is_not_called_ready(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env", _recipe(tmp_path, check="import nothing_of_the_kind"))
    with pytest.raises(EnvironmentMissing, match="nothing_of_the_kind is missing"):
        _make(environment)
    assert not environment.ready()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "thesis.txt").write_text("mine")
    with pytest.raises(EnvironmentMissing, match="not empty"):
        _make(Environment(tmp_path / "env", _recipe(tmp_path)))
    assert (tmp_path / "env" / "thesis.txt").read_text() == "mine"


def test_two_makers_wait_for_each_other(tmp_path: Path) -> None:
    async def both() -> list[str]:
        said: list[str] = []
        waits = asyncio.Event()
        with (tmp_path / "env.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

            def tell(line: str) -> None:
                said.append(line)
                waits.set()

            making = asyncio.create_task(Environment(tmp_path / "env", _recipe(tmp_path)).make(tell))
            await asyncio.wait_for(waits.wait(), 10)
            assert not (tmp_path / "env").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        return said

    assert asyncio.run(both())[0].startswith("Another process makes this environment")


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    made = _recipe(tmp_path)
    huge = Recipe(made.kind, made.title, made.steps, 1, shutil.disk_usage(tmp_path).total * 2, made.check)
    with pytest.raises(EnvironmentMissing, match="GiB free"):
        _make(Environment(tmp_path / "env", huge))
    assert not (tmp_path / "env").exists()


def test_setup_says_what_it_downloads_and_asks_first(tmp_path: Path) -> None:
    if not any(command.name == "setup" for command in app.registered_commands):
        app.command("setup")(setup)
    asked = ["setup", "--kind", "sglang-gpu", "--folder", str(tmp_path / "env")]
    result = CliRunner().invoke(app, asked, input="n\n")
    assert result.exit_code == 1
    assert "sglang" in result.output.lower()
    assert "4.40 GB to download" in result.output
    assert not (tmp_path / "env").exists()


def test_the_recipe_of_the_cpu_is_pinned_to_the_last_package() -> None:
    wanted = [word for word in recipe("sglang-cpu").steps[0].arguments if not word.startswith("--")]
    assert len(wanted) > 100
    assert all(word.count("==") == 1 for word in wanted)
    assert os.path.isdir(PACKAGE)
