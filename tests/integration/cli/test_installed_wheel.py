"""A wheel made from this tree, installed into a folder, serves and works without the tree."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cli_steps import PATIENCE_S, ended, start_group, wait_for

ROOT = Path(__file__).parents[3]
PACKAGES = ("clawgroups", "migrations", "benchmarks")
BUILD_S = 180.0
MARK = "\n/* the installed copy's */\n"  # so that it cannot be taken for the checkout's
NAMED = re.compile(r"""["'(](/[\w./@-]+\.(?:js|css|svg))\b""")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made in a copy, since a build leaves files beside what it builds from."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _pip("wheel", "--no-build-isolation", "--wheel-dir", place, source)
    (made,) = place.glob("clawgroups-*.whl")
    return made


def _pip(command: str, *words: object) -> None:
    """Without any registry: nothing may be fetched."""
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, *options, *(str(word) for word in words)],
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    _pip("install", "--target", folder, wheel)
    with (folder / "clawgroups" / "ui" / "static" / "claw.css").open("a") as style:
        style.write(MARK)
    return folder


def _environment(installed: Path) -> dict[str, str]:
    """Imports from the folder come before those of the checkout that the tests are run from."""
    return {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}


@contextlib.contextmanager
def _server(installed: Path, home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Its address and process. It stands in a folder of its own, far from the checkout."""
    home.mkdir()
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "clawgroups", "up", "--home", str(home), "--port", "0"],
            cwd=home,
            env=_environment(installed),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            said = process.stdout.readline() if selector.select(PATIENCE_S) else ""
        assert said.strip(), (home / "server.log").read_text()
        yield json.loads(said)["url"], psutil.Process(process.pid)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, (home / "server.log").read_text()
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        process.stdout.close()


def _imports_elsewhere(installed: Path, process: psutil.Process) -> list[str]:
    """What speaks against a process having its imports from the folder; nothing, when all is well."""
    told = process.environ().get("PYTHONPATH", "")
    return [] if told.split(os.pathsep)[0] == str(installed) else [f"{process.cmdline()} with {told!r}"]


def test_the_wheel_holds_every_file_of_its_packages_and_nothing_of_the_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if not name.split("/")[0].endswith(".dist-info")}
        metadata = next(name for name in packed.namelist() if name.endswith("/METADATA"))
        assert "License-Expression: Apache-2.0" in packed.read(metadata).decode()
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == files


def test_an_installed_copy_is_the_one_that_is_imported(installed: Path, tmp_path: Path) -> None:
    words = (
        "import clawgroups, migrations, benchmarks as b; print(clawgroups.__file__, migrations.__file__, b.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", words],
        cwd=tmp_path,
        env=_environment(installed),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(installed / package / "__init__.py") for package in PACKAGES]


def test_an_installed_copy_sets_up_its_database_serves_its_pages_and_surveys_a_folder(
    installed: Path, tmp_path: Path, folder: Path
) -> None:
    home = tmp_path / "home"
    with (
        _server(installed, home) as (url, process),
        httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE_S) as client,
    ):
        wait_for(lambda: client.get("/status").json()["runner"]["state"] == "up", "the joining of the runner")
        for one in (process, *process.children(recursive=True)):
            assert not _imports_elsewhere(installed, one)
        newest = max(path.stem for path in (installed / "migrations" / "versions").glob("0*.py")).split("_")[0]
        ledger = sqlite3.connect(f"file:{home / 'clawgroups.db'}?mode=ro", uri=True)
        assert ledger.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
        ledger.close()
        _pages_are_whole(url, installed)
        group = start_group(client, folder, pace=0)
        assert ended(client, group)["status"] == "finished"
        report = client.get(f"/groups/{group}/files/survey.md").text
        assert report.startswith(f"# Survey of {folder.name}\n")
        assert "part0.py" in report
    assert "Traceback" not in (home / "server.log").read_text()


def _pages_are_whole(url: str, installed: Path) -> None:
    """Every script and style that the home page names is served, and those that our own name in turn."""
    fetched: dict[str, bytes] = {}
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        page = client.get("/")
        assert page.status_code == 200
        waiting = set(NAMED.findall(page.text))
        while waiting:
            path = waiting.pop()
            reply = client.get(path)
            assert reply.status_code == 200, f"{path}: {reply.status_code}"
            fetched[path] = reply.content
            if path.startswith("/claw/") or "/components/" in path:
                waiting |= set(NAMED.findall(reply.text)) - fetched.keys()
    for path, content in fetched.items():
        if path.startswith("/claw/"):
            file = installed / "clawgroups" / "ui" / "static" / path.removeprefix("/claw/")
            assert content == file.read_bytes(), path
    assert MARK.encode() in fetched["/claw/claw.css"]
    names = {path.rsplit("/", 1)[1] for path in fetched}
    assert {"claw.css", "api.js", "words.js", "board.js", "status.js", "nicegui.js"} <= names, sorted(names)
