"""``clawgroups run``: a group from a goal and a folder, followed in the terminal to its end."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from clawgroups.cli.groups import AsJson
from clawgroups.cli.house import Api, Database, Home, Json, NoServer, Person, serving, settings_of
from clawgroups.cli.own_server import OwnServer
from clawgroups.cli.screen import Screen
from clawgroups.cli.watching import Progress, follow
from clawgroups.cli.words import counts_of, line, safe
from clawgroups.errors import ClawError

FAILED, INTERRUPTED = 1, 130
MOST_FILES = 20
CHOICES = {"l": "leave", "p": "pause", "c": "cancel", "w": "watch"}


Goal = Annotated[str, typer.Argument(help="What is to be reached, in words.")]
Folder = Annotated[Path | None, typer.Option(help="The folder to work on; it is only read.", show_default=False)]
Template = Annotated[str, typer.Option(help="A group template, e.g. survey.")]
Conductor = Annotated[str, typer.Option(help="The member that plans: its id or name (default: the template's).")]
Worker = Annotated[str, typer.Option(help="The member that does the tasks (default: the template's or the conductor).")]
Limit = Annotated[int, typer.Option(min=1, max=300, help="At most so many files of a survey.")]
PACE = "Words a second that bundled programs show; 0: all at once (default: 12)."
Pace = Annotated[int | None, typer.Option(min=0, max=1_000, help=PACE, show_default=False)]
Worktree = Annotated[bool, typer.Option("--worktree", help="Work in git worktrees of the folder.")]
Name = Annotated[str, typer.Option(help="The group's name (default: made from the goal).")]
Unattended = Annotated[bool, typer.Option("--unattended", help="End with status 1 as soon as a person is needed.")]


def run(
    goal: Goal,
    folder: Folder = None,
    template: Template = "",
    conductor: Conductor = "",
    worker: Worker = "",
    limit: Limit = 300,
    pace: Pace = None,
    worktree: Worktree = False,
    name: Name = "",
    unattended: Unattended = False,
    person: Person = "",
    home: Home = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Run a group in the terminal until it ends.

    Uses the server that runs for the home; where none runs, it starts one for the time of the run. Progress goes to
    standard error, the result to standard output. Exit status: 0 done, 1 failed, 130 left with Ctrl-C.
    """
    body: Json = {
        "name": name.strip() or line(goal, 60) or "run",
        "goal": goal,
        "template": template,
        "folder": _folder(folder),
        "folder_mode": "worktree" if worktree else "read",
        "conductor": conductor,
        "worker": worker,
        "limit": limit,
        "start": True,
    }
    if pace is not None:
        body["pace"] = pace
    settings = settings_of(home=home, database=database)
    try:
        with contextlib.ExitStack() as held:
            place = _Place(settings.home, settings.database, held)
            status = _Run(place, person, as_json=as_json, unattended=unattended).through(body)
    except KeyboardInterrupt:  # before there was a group to ask about
        status = INTERRUPTED
    raise typer.Exit(status)


def _folder(folder: Path | None) -> str:
    """Absolute, since the server stands in another folder; whether it can be used is the server's to say."""
    return str(folder.expanduser().absolute()) if folder is not None else ""


class _Place:
    """The server of the run: the home's running one, or one of its own."""

    def __init__(self, home: Path, database: str, held: contextlib.ExitStack) -> None:
        self.home = home
        self.url = ""
        self.own: OwnServer | None = None
        if serving(home) is None:
            self.own = held.enter_context(OwnServer(home, database))

    def facts(self) -> Json:
        """Where the server is now. One of its own is started again when it has died. Raises ClawError."""
        if self.own is not None:
            self.own.revive()
        facts = self.own.facts if self.own is not None else serving(self.home)
        if facts is None:
            raise NoServer(self.home)
        self.url = str(facts["url"])
        return facts


class _Run:
    """One run, from the making of its group to the result."""

    def __init__(self, place: _Place, person: str, *, as_json: bool, unattended: bool) -> None:
        self._place = place
        self._person = person
        self._as_json = as_json
        self._unattended = unattended
        self._progress = Progress()
        self._screen = Screen(self._progress, place.home)
        self._group = ""

    def through(self, body: Json) -> int:
        """The exit status."""
        with contextlib.closing(self._api()) as api:
            self._group = str(api.post("/groups", body)["id"])
            self._screen.say(f"group {self._group} runs: {api.url}/groups/{self._group}")
        while True:
            try:
                return self._watch()
            except KeyboardInterrupt:
                choice = self._ask()
            if choice != "watch":
                return self._leave(choice)

    def _api(self) -> Api:
        return Api(self._place.facts(), self._person)

    def _watch(self) -> int:
        with self._screen:
            for _ in follow(self._group, self._place.facts, self._progress):
                self._screen.show(self._place.url)
                if self._progress.over:
                    break
                if self._progress.ledger_stopped:
                    raise ClawError(
                        f"The ledger has stopped: {self._progress.ledger_stopped}",
                        hint="Nothing acknowledged is lost. Mend the disk; the group goes on at the next start.",
                        code="ledger_stopped",
                    )
                if self._unattended and self._progress.requests:
                    break
        return self._result()

    # --- Ctrl-C --------------------------------------------------------------------------------------

    def _ask(self) -> str:
        """What is to become of the group. Without a terminal, or on a second Ctrl-C, it is left as it is."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return "leave"
        try:
            said = input_from_person(
                "[l]eave the group as it is (default), [p]ause it, [c]ancel it, or go on [w]atching? "
            )
        except (KeyboardInterrupt, EOFError):
            sys.stderr.write("\n")  # the question's line is still open
            return "leave"
        return CHOICES.get(said.strip().lower()[:1], "leave")

    def _leave(self, choice: str) -> int:
        with contextlib.closing(self._api()) as api:
            if choice in ("pause", "cancel"):
                api.post(f"/groups/{self._group}/{choice}")
            told = {"pause": "is paused", "cancel": "is cancelled"}.get(choice, "is left as it is")
            self._screen.say(f"group {self._group} {told}.")
            home = shlex.quote(str(self._place.home))
            if self._place.own is not None and choice != "cancel":
                paused = " Paused, it waits there for its resume." if choice == "pause" else ""
                self._screen.say(
                    "The server of this run ends with it. Nothing is lost: the group goes on at the next start: "
                    f"clawgroups up --home {home}{paused}"
                )
            elif choice != "cancel":
                self._screen.say(f"The server goes on with it: {api.url}/groups/{self._group}")
        return INTERRUPTED

    # --- the end -------------------------------------------------------------------------------------

    def _result(self) -> int:
        with contextlib.closing(self._api()) as api:
            group = api.get(f"/groups/{self._group}")
            agent = api.get(f"/agents/{group['root']}")
            last = api.get(f"/agents/{group['root']}/transcript", before=2**53, limit=50)["entries"]
            files = self._files(api)
            requests = api.get("/requests", group=self._group)["requests"]
        done = group["status"] == "finished" and agent["state"] == "done"
        result = {
            "group": self._group,
            "url": f"{api.url}/groups/{self._group}",
            "status": group["status"],
            "done": done,
            "result": _last_words(last),
            "report": next((name for name in files if name.endswith(".md")), None),
            "files": files,
            "counts": group["counts"],
            "steps": group["steps"],
            "needs_you": [request["id"] for request in requests],
        }
        if self._as_json:
            typer.echo(json.dumps(result, indent=2))
        else:
            self._tell(group, result)
        return 0 if done else FAILED

    def _files(self, api: Api) -> list[str]:
        """What was written into the group's workspace, as paths on this machine; what was there before is left out."""
        root = self._place.home / "work" / self._group / "workspace"
        try:
            listed: list[dict[str, Any]] = api.get(f"/groups/{self._group}/files")["files"]
        except ClawError as error:
            self._screen.say(f"The group's files could not be listed: {safe(error.sentence)}")
            return []
        return [str(root / file["path"]) for file in listed if not file["path"].startswith("source/")][:MOST_FILES]

    def _tell(self, group: Json, result: Json) -> None:
        words = safe(result["result"]).strip()
        if words:
            typer.echo(words)
        for name in result["files"]:
            typer.echo(safe(name))
        if not result["done"]:
            waiting = ", ".join(result["needs_you"])
            why = f"needs a person: {waiting}" if waiting else f"ended without reaching its goal ({group['status']})"
            raise ClawError(
                f"Group {self._group} {why}. Its sub-agents: {counts_of(group)}.",
                hint=self._what_next(result["url"], ended=bool(group["ended_at"])),
            )

    def _what_next(self, url: str, *, ended: bool) -> str:
        home = shlex.quote(str(self._place.home))
        look = f"Look at it: {url if self._place.own is None else f'clawgroups up --home {home}'}"
        return look if ended else f"{look}  End it{self._then}: clawgroups cancel {self._group} --home {home}"

    @property
    def _then(self) -> str:
        """A server of the run's own ends with it: another must be up before the group can be ended."""
        return "" if self._place.own is None else " then"


def _last_words(entries: list[Json]) -> str:
    return next((str(e["content"]) for e in reversed(entries) if e["role"] == "assistant" and e["content"].strip()), "")


def input_from_person(prompt: str) -> str:
    """A line from the terminal; the prompt goes to standard error. Raises EOFError, KeyboardInterrupt."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    said = sys.stdin.readline()
    if not said:
        raise EOFError
    return said.rstrip("\n")
