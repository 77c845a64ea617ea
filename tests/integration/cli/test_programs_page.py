"""The page about programs: its commands run as they stand, against a server on an empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from clawgroups.testing.server_process import ServerProcess

PAGE = (Path(__file__).parents[3] / "docs" / "programs.md").read_text()


def _block(language: str, below: str) -> str:
    found = re.search(rf"## {below}\n.*?```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found, below
    return found[1]


def test_a_group_is_run_with_ones_own_program_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "count_lines.py").write_text(_block("python", "A complete program"))
    commands = _block("sh", "Run a group with it")
    said = re.search(r"prints `([^`]+)`", PAGE)
    assert said
    with ServerProcess(tmp_path / "home", pages=False) as server:
        bin_folder = str(Path(sys.executable).parent)
        env = {**os.environ, "CLAWGROUPS_HOME": str(server.home), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        ran = subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == said[1]
