"""How a group under way looks in a terminal: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from clawgroups.cli.needs import how_to_answer
from clawgroups.cli.watching import ENDED, Progress
from clawgroups.cli.words import counts_of, line

ROWS = 12
MARKS = {"driving": "●", "waiting": "◌", "handing_over": "⇄", "paused": "‖", "queued": "·"}
STYLES = {"driving": "green", "waiting": "yellow", "handing_over": "magenta", "paused": "yellow", "queued": "dim"}


class Screen:
    """A context manager around a run. Everything goes to standard error: standard output belongs to the result."""

    def __init__(self, progress: Progress, home: Path) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = progress
        self._home = home
        self._url = ""
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=8, transient=True, get_renderable=self._picture)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()

    def rest(self) -> None:
        """Takes the live table away, so that a person can be asked something."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """One line that stays."""
        stamp = "" if self._live else time.strftime("%H:%M:%S ")
        self.console.print(Text(f"{stamp}{text}"))

    def show(self, url: str) -> None:
        """Brings the screen up to date; what needs a person is told once, with how to answer."""
        self._url = url
        news, self._progress.news = self._progress.news, []
        if self._live is None:
            for sentence in news:
                self.say(sentence)
        opened, self._progress.opened = self._progress.opened, []
        for request in opened:
            if request["id"] in self._progress.requests:
                for part in how_to_answer(request, url, self._home):
                    self.console.print(Text(part, style="yellow" if self._live else ""))

    def _picture(self) -> RenderableType:
        group, tiles = self._progress.group, self._progress.tiles
        if not group:
            return Text("…")
        ended = sum(tile["state"] in ENDED for tile in tiles.values())
        parts: list[RenderableType] = [
            Text.assemble((line(group["name"], 60), "bold"), f"  {group['status']}  ", (self._url, "dim")),
            ProgressBar(total=max(1, len(tiles)), completed=ended, width=60),
            Text(f"{counts_of(group)}; {group['steps']} steps, {_lasted(group)}", style="dim"),
            self._table(),
        ]
        if self._progress.requests:
            parts.append(Text(f"{len(self._progress.requests)} need you: see above", style="bold yellow"))
        return Group(*parts, Text("Ctrl-C: leave, pause or cancel", style="dim"))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for width in (1, 20, 30, None):
            table.add_column(no_wrap=True, width=width, overflow="ellipsis")
        live = [tile for tile in self._progress.tiles.values() if tile["state"] not in ENDED]
        live.sort(key=lambda tile: (list(STYLES).index(tile["state"]) if tile["state"] in STYLES else 9, tile["n"]))
        for tile in live[:ROWS]:
            state = tile["state"]
            words = line(tile["line"] or tile["tool"] or tile["wait"] or state.replace("_", " "))
            mark = Text(MARKS.get(state, " "), style=STYLES.get(state, ""))
            table.add_row(mark, Text(line(tile["name"], 40)), Text(line(tile["title"])), Text(words, style="dim"))
        if len(live) > ROWS:
            table.add_row("", Text(f"and {len(live) - ROWS} more", style="dim"), "", "")
        return table


def _lasted(group: dict[str, Any]) -> str:
    started = group["started_at"]
    seconds = max(0, int((group["ended_at"] or time.time() * 1000) - started) // 1000) if started else 0
    return f"{seconds // 60}:{seconds % 60:02d}"
