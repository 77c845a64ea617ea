"""The commands of docs/api.md, feed.md and accounts.md are run in one shell against a real server, and checked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_steps import wait_for_runner

from clawgroups.testing.server_process import ServerProcess

DOCUMENTS = [Path(__file__).parents[3] / "docs" / name for name in ("api.md", "feed.md", "accounts.md")]
BLOCK = re.compile(r"^```(\w+)(?: (\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--end-of-command--"
PATIENCE_S = 60.0
STATUS = "curl() { command curl --write-out '%{stderr}%{http_code}\\n' \"$@\"; }\n"


class Shell:
    """One bash for the whole document. Every curl also says its status on standard error."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._errors = folder / "stderr"
        self._errors_read = 0
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(["bash"], cwd=folder, env=env, stderr=errors, text=True, **pipes)
        self.run(f"set -o pipefail\n{STATUS}")

    def run(self, command: str) -> tuple[str, str]:
        """(what it printed, what it said on standard error). Raises AssertionError when it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nprintf '\\n%s %s\\n' '{MARK}' $?\n")
        self._process.stdin.flush()
        lines: list[str] = []
        while not (line := self._process.stdout.readline()).startswith(MARK):
            assert line, f"the shell has ended in:\n{command}\n{self._said()}"
            lines.append(line)
        said = self._said()
        assert line.split()[1] == "0", f"status {line.split()[1]}:\n{command}\n{said}"
        return "".join(lines).strip(), said

    def variables(self) -> dict[str, str]:
        """The shell's own variables in capitals."""
        printed, _ = self.run("set -o posix; set; set +o posix")
        found = re.findall(r"^([A-Z]+)=(.*)$", printed, re.MULTILINE)
        return {name: value.strip("'") for name, value in found}

    def _said(self) -> str:
        text = self._errors.read_text()
        fresh, self._errors_read = text[self._errors_read :], len(text)
        return fresh

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    source, place = tmp_path / "notes", tmp_path / "shell"
    source.mkdir()
    place.mkdir()
    for number in range(3):
        (source / f"part{number}.py").write_text(f'"""Part {number}."""\n\n\ndef f():\n    return {number}  # TODO\n')
    python = tmp_path / "bin"
    python.mkdir()
    (python / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (python / "python3").chmod(0o755)
    with ServerProcess(tmp_path / "home", pages=False) as server:
        wait_for_runner(server)
        env = os.environ | {"PATH": f"{python}:{os.environ['PATH']}", "API": server.api, "FOLDER": str(source)}
        made = Shell(place, env)
        try:
            yield made
        finally:
            made.close()
        server.stop()


@pytest.mark.timeout(180)
def test_the_documents_commands_work_in_order_and_answer_as_shown(shell: Shell) -> None:
    assert shutil.which("curl"), "the document's commands need curl"
    blocks = BLOCK.findall("\n".join(document.read_text() for document in DOCUMENTS))
    assert len(blocks) > 40
    printed = said = command = ""
    for kind, status, text in blocks:
        if kind == "sh":
            command = text
            printed, said = shell.run(text)
            continue
        if status:
            assert said.split()[-1:] == [status], f"status {said}, not {status}:\n{command}\n{printed}"
        if kind == "json":
            problems = list(_differences(json.loads(text), json.loads(printed), shell.variables(), "answer"))
            assert not problems, f"{command}\n{problems}\n{printed}"
        else:
            assert printed == text.strip(), command


def _differences(shown: Any, got: Any, variables: dict[str, str], at: str) -> Iterator[str]:
    """Where an answer is not as shown. What the document leaves out may be anything."""
    if isinstance(shown, dict) and isinstance(got, dict):
        for key, value in shown.items():
            if key not in got:
                yield f"{at}.{key} is missing"
            elif key == "at":
                yield from [] if isinstance(got[key], int) and got[key] > 0 else [f"{at}.at is no time"]
            else:
                yield from _differences(value, got[key], variables, f"{at}.{key}")
    elif isinstance(shown, list) and isinstance(got, list) and (not shown) == (not got):
        for number, value in enumerate(shown):
            yield from _differences(value, got[number] if number < len(got) else None, variables, f"{at}[{number}]")
    elif isinstance(shown, str) and isinstance(got, (str, int)) and shown != "...":
        wanted = re.sub(r"\$([A-Z]+)", lambda name: variables[name[1]], shown)
        if wanted != str(got):
            yield f"{at} is {got!r}, not {wanted!r}"
    elif shown == "...":
        if not (isinstance(got, str) and got.strip()):
            yield f"{at} is {got!r}, not a text"
    elif shown != got:
        yield f"{at} is {got!r}, not {shown!r}"


def test_the_document_names_every_address_of_the_server(client: Any) -> None:
    text = DOCUMENTS[0].read_text()
    for path in client.get("/openapi.json").json()["paths"]:
        last = re.sub(r"/?\{\w+(:path)?\}", "", path).rsplit("/", 1)[-1]
        assert last in text, f"{path} is not in docs/api.md"
