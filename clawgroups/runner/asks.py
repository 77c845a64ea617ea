"""Answers questions about workspaces and members: files, diffs, whether a member works, what runs nearby."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from pathlib import Path, PurePath
from typing import Any

import httpx

from clawgroups.errors import ClawError, DriverError, Invalid, ToolError
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.thread import Entry
from clawgroups.link import messages as ms
from clawgroups.runner.beneath import walk
from clawgroups.runner.changes import change_of
from clawgroups.runner.discover import discover
from clawgroups.runner.drivers.model import ModelDriver
from clawgroups.runner.drivers.program import ProgramDriver
from clawgroups.runner.opened import fingerprint, list_folder, open_file
from clawgroups.runner.reaper import Reaper
from clawgroups.runner.snapshots import Snapshots, shown
from clawgroups.runner.tools.files import SKIPPED
from clawgroups.runner.tools.threads import in_thread
from clawgroups.runner.workspace import Workspace

log = logging.getLogger("clawgroups.asks")
TIME_S = 20.0
PROBE_S = 12.0  # for the first words of a model that is tried
MOST_FILES = 2_000
MOST_COUNTED = 2_000  # as many as a listing names


class Asks:
    """One per runner."""

    def __init__(self, client: httpx.AsyncClient, reaper: Reaper) -> None:
        self._client = client
        self._reaper = reaper

    async def answer(self, ask: ms.Ask) -> ms.Reply:
        """The answer, or the error in the one shape. Never raises, never takes longer than TIME_S."""
        try:
            body = await asyncio.wait_for(self._answer(ask), TIME_S)
        except ClawError as error:
            return ms.Reply(id=ask.id, error=error.as_dict())
        except TimeoutError:
            late = ClawError(f"The runner could not answer within {TIME_S:g} s.", code="timeout")
            return ms.Reply(id=ask.id, error=late.as_dict())
        except OSError as error:
            return ms.Reply(id=ask.id, error=ClawError(f"{error.strerror or error}.").as_dict())
        except Exception as error:
            log.exception("an ask broke", extra={"action": "ask_broke"})
            return ms.Reply(id=ask.id, error=ClawError(f"The runner failed: {error}").as_dict())
        return ms.Reply(id=ask.id, body=body)

    async def _answer(self, ask: ms.Ask) -> Any:
        match ask.what:
            case "files":
                return await self._files(_place(ask), ask.since)
            case "read_file":
                return await in_thread(open_file, Workspace.of(_place(ask)), ask.path)
            case "fingerprint":
                return await in_thread(fingerprint, Workspace.of(_place(ask)), ask.path)
            case "folder":
                return await in_thread(list_folder, Workspace.of(_place(ask)), ask.path)
            case "probe":
                return await self._probe(ask.member, ask.secret)
            case "count":
                return await in_thread(_count, Path(ask.path))
            case "change":
                base, _, head = ask.since.partition("..")
                return await change_of(Path(ask.path), base, head, count_only=False)
            case "count_change":
                base, _, head = ask.since.partition("..")
                return await change_of(Path(ask.path), base, head, count_only=True)
            case "discover":
                return await discover(dict(os.environ), self._client)
            case _:
                raise Invalid(f"The runner cannot answer {ask.what!r}.")

    async def _files(self, place: ms.WorkPlace, since: str) -> dict[str, Any]:
        root = Path(place.root)
        if not root.is_dir():
            return {"files": [], "diff": ""}
        listed = await in_thread(_list, root)
        changed, diff = await Snapshots(Path(place.snapshots), root).changes(since)
        status = {file["path"]: file["status"] for file in changed}
        files = [{**file, "status": status.pop(file["path"], "same")} for file in listed]
        files += [{"path": path, "bytes": 0, "status": gone} for path, gone in status.items() if gone == "deleted"]
        return {"files": files, "diff": diff}

    async def _probe(self, member: Member | None, secret: str) -> dict[str, Any]:
        if member is None:
            raise Invalid("No member was named.")
        started = time.monotonic()
        try:
            sentence = await self._try(member, secret)
        except DriverError as error:
            return {"ok": False, "sentence": error.sentence, "hint": error.hint, "ms": _passed(started)}
        return {"ok": True, "sentence": sentence, "hint": "", "ms": _passed(started)}

    async def _try(self, member: Member, secret: str) -> str:
        if member.kind is MemberKind.MODEL and member.model is not None:
            return await self._try_model(member.name, ModelDriver(member.model, secret, self._client, backoff_s=0.1))
        if member.kind is MemberKind.PROGRAM and member.program is not None:
            return await self._try_program(member)
        return f"{member.name} is a person: nothing to test."

    async def _try_model(self, name: str, driver: ModelDriver) -> str:
        """One short turn. A model that speaks works, however long it goes on; one that is silent does not."""
        heard: list[str] = []
        hello = Entry(role="user", content="Answer with the one word: ready")
        try:
            async with asyncio.timeout(PROBE_S):
                turn = await driver.turn([hello], [], lambda kind, text: heard.append(text))
        except TimeoutError as error:
            if heard:
                return f"{name} speaks, and was not at its end after {PROBE_S:g} s: {''.join(heard).strip()[:80]!r}"
            raise driver.silent(PROBE_S) from error
        return f"{name} answered: {(turn.content or turn.reasoning).strip()[:80]!r}"

    async def _try_program(self, member: Member) -> str:
        """Starts the program on an empty task; that it answers in the protocol is enough."""
        assert member.program is not None
        seat = f"probe-{member.id}-{time.monotonic_ns()}"
        program = ProgramDriver(
            member.program,
            agent="probe",
            name="probe",
            role="probe",
            task="This is only a test whether you start.",
            cwd=Path("/"),
            reaper=self._reaper,
            seat=seat,
            idle_s=10.0,
        )
        task = Entry(role="user", content="This is only a test whether you start.", kind="task")
        try:
            turn = await program.turn([task], [], lambda kind, text: None)
        finally:
            await program.close()
            await self._reaper.stop(seat)
        return f"{member.name} started and answered: {turn.content.strip()[:80]!r}"


def _place(ask: ms.Ask) -> ms.WorkPlace:
    if ask.place is None:
        raise ToolError("No workspace was named.")
    return ask.place


def _list(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in walk(root, (), SKIPPED):
        if item.parts[-1] != ".git":
            found.append({"path": shown("/".join(item.parts)), "bytes": item.size})
        if len(found) == MOST_FILES:
            break
    return found


def _count(folder: Path) -> dict[str, Any]:
    """The regular files below a folder by suffix, those with nothing in them apart; only the first MOST_COUNTED."""
    suffixes: Counter[str] = Counter()
    files = empty = 0
    for item in walk(folder, (), SKIPPED):
        files += 1
        if item.size:
            suffixes[PurePath(item.parts[-1]).suffix.lower()] += 1
        else:
            empty += 1
        if files == MOST_COUNTED:
            break
    return {"files": files, "empty": empty, "suffixes": dict(suffixes), "more": files == MOST_COUNTED}


def _passed(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
