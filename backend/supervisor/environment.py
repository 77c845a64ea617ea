"""Makes an environment for SGLang: a virtual environment of its own, which the program's own never mixes with.

A folder that was begun and not finished is gone on with, one of another version is made anew, one that is ready is left
alone. A lock keeps two makers apart. The folder's ``clawgroups.json`` says how far it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from backend.errors import EnvironmentMissing
from backend.supervisor.faults import words_for
from backend.supervisor.recipe import PATCH, PATCHED, PLUGIN, Recipe, Step

RECORD = "clawgroups.json"
HOME = Path("~/.local/share/clawgroups/backend")
KEPT_LINES = 400
LOCK_EVERY_S = 0.2
Tell = Callable[[str], None]


@dataclass(slots=True)
class Record:
    """How far a folder is: by which recipe it is made, which steps are done."""

    made_by: str = ""
    done: list[str] = field(default_factory=list)
    ready: bool = False


class Environment:
    """One folder and the recipe that it is made by."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder.absolute()
        self.recipe = recipe

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def ready(self) -> bool:
        """Whether it is finished, and by this very recipe."""
        record = self._record()
        return record.ready and record.made_by == self.recipe.fingerprint() and self.python.exists()

    def ours(self) -> bool:
        """Whether it was made, or begun, by us."""
        return bool(self._record().made_by)

    async def make(self, tell: Tell) -> None:
        """Makes it, or goes on making it; ``tell`` hears each line. Cancelling stops it at once.

        Raises EnvironmentMissing, with what pip said in words.
        """
        async with self._locked(tell):
            if self.ready():
                return
            await self._begin(tell)
            record = self._record()
            for step in self.recipe.steps:
                if step.name not in record.done:
                    tell(f"Installing {step.name}.")
                    await self._take(step, tell)
                    record.done.append(step.name)
                    self._write(record)
            tell("Trying it.")
            await self._run([str(self.python), "-c", self.recipe.check], tell)
            record.ready = True
            self._write(record)

    async def _begin(self, tell: Tell) -> None:
        """An environment with pip in it, whatever was there before, provided that it was ours."""
        record = self._record()
        if self.folder.exists() and any(self.folder.iterdir()) and not record.made_by:
            raise EnvironmentMissing(
                f"{self.folder} is not empty, and nothing says that it was made here.", "Name another folder."
            )
        if record.made_by == self.recipe.fingerprint() and await self._works():
            return
        free = shutil.disk_usage(_existing(self.folder)).free
        if free < self.recipe.disk_bytes:
            raise EnvironmentMissing(
                f"{self.folder} has {free / 2**30:.1f} GiB free; this takes {self.recipe.disk_bytes / 2**30:.1f}.",
                "Make room, or name a folder on another disk with --folder.",
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._write(Record(self.recipe.fingerprint()))
        tell(f"Making {self.folder}.")
        await self._run([sys.executable, "-m", "venv", str(self.folder)], tell)

    async def _works(self) -> bool:
        try:
            await self._run([str(self.python), "-m", "pip", "--version"], lambda line: None)
        except (EnvironmentMissing, OSError):
            return False
        return True

    async def _take(self, step: Step, tell: Tell) -> None:
        if not step.plugin:
            await self._pip(step.arguments, tell)
            return
        with tempfile.TemporaryDirectory() as scratch:  # a build leaves files beside the sources
            shutil.copytree(PLUGIN, Path(scratch) / "plugin", ignore=shutil.ignore_patterns("__pycache__"))
            plain = ("--no-deps", "--no-build-isolation", "--force-reinstall")
            await self._pip((*plain, str(Path(scratch) / "plugin")), tell)
        (patched,) = self.folder.glob(f"lib/python3*/site-packages/{PATCHED}")
        text = patched.read_text(encoding="utf-8")
        if PATCH not in text:
            patched.write_text(text + PATCH, encoding="utf-8")

    async def _pip(self, arguments: tuple[str, ...], tell: Tell) -> None:
        plain = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        await self._run([str(self.python), "-m", "pip", "install", *plain, *arguments], tell)

    async def _run(self, command: list[str], tell: Tell) -> None:
        """Raises EnvironmentMissing if it fails. It dies with us if we are cancelled."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=plain | self.recipe.variables,
            cwd=self.folder,
            limit=2**20,
        )
        assert process.stdout is not None
        said: list[str] = []
        try:
            async for raw in process.stdout:
                said = [*said[-KEPT_LINES:], raw.decode(errors="replace").rstrip()]
                tell(said[-1])
            status = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if status:
            fault = words_for(said, status)
            raise EnvironmentMissing(f"The environment {self.folder} could not be made: {fault.sentence}", fault.hint)

    @contextlib.asynccontextmanager
    async def _locked(self, tell: Tell) -> AsyncIterator[None]:
        """Only one maker at a time, also over processes; the lock goes with the process that holds it."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with _open(self.folder.with_name(self.folder.name + ".lock")) as lock:
            told = False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not told:
                        tell("Another process makes this environment; waiting for it.")
                    told = True
                    await asyncio.sleep(LOCK_EVERY_S)
            yield

    def _record(self) -> Record:
        """An empty one where there is none, or one that cannot be read."""
        try:
            found = json.loads((self.folder / RECORD).read_text())
            return Record(str(found["made_by"]), [str(name) for name in found["done"]], found["ready"] is True)
        except (OSError, ValueError, KeyError, TypeError):
            return Record()

    def _write(self, record: Record) -> None:
        new = self.folder / f"{RECORD}.new"
        new.write_text(json.dumps(asdict(record)))
        new.replace(self.folder / RECORD)


def _open(path: Path) -> IO[str]:
    return path.open("w")


def default_folder(kind: str) -> Path:
    """Where the environment of a kind lies unless another place is named."""
    return HOME.expanduser() / kind


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())
