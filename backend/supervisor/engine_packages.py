"""What the CPU engine needs in the program's own Python: the extra ``engine`` of the distribution that we came with."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata

from backend.errors import EnvironmentMissing
from backend.supervisor.faults import words_for

DISTRIBUTION, EXTRA = "clawgroups", "engine"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]engine['"]""")


def wanted() -> list[str]:
    """Its requirements. Raises EnvironmentMissing where we were not installed as a package."""
    try:
        every = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError as error:
        raise EnvironmentMissing(
            "This program was not installed as a package, so what the CPU engine needs is not known.",
            "Install it with pip install 'clawgroups[engine]', or pip install -e '.[engine]' in a checkout.",
        ) from error
    found = [line.partition(";")[0].strip() for line in every if _EXTRA.search(line)]
    if not found:
        raise EnvironmentMissing(
            f"This installation of {DISTRIBUTION} is older than the CPU engine.", "Install it again, and it is known."
        )
    return found


def missing() -> list[str]:
    """Those that are not here at all; versions are pip's business."""
    return [one for one in wanted() if not _here(one)]


def install(requirements: list[str], index: str = "") -> None:
    """Installs them into this very Python. Raises EnvironmentMissing, with what pip said in words."""
    more = ["--extra-index-url", index] if index else []
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--progress-bar", "off", *more, *requirements]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        fault = words_for(done.stdout.splitlines(), done.returncode)
        raise EnvironmentMissing(f"The CPU engine's packages could not be installed: {fault.sentence}", fault.hint)


def _here(requirement: str) -> bool:
    found = _NAME.match(requirement)
    try:
        metadata.version(found[0] if found else requirement)
    except metadata.PackageNotFoundError:
        return False
    return True
