"""How a group under way looks in a terminal: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from clawgroups.cli.needs import how_to_answer
from clawgroups.cli.watching import ENDED, Progress
from clawgroups.cli.words import counts_of, line

ROWS = 12
NARROW = 70  # columns; below that a sub-agent's task says more than its name
GAP = 2
MARKS = {"driving": "●", "waiting": "◌", "handing_over": "⇄", "paused": "‖", "queued": "·"}
STYLES = {"driving": "green", "waiting": "yellow", "handing_over": "magenta", "paused": "yellow", "queued": "dim"}


class Screen:
    """A context manager around a run. Everything goes to standard error: standard output belongs to the result."""

    def __init__(self, progress: Progress, home: Path) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._progress = progress
        self._home = home
        self._url = ""
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self.console.is_terminal and not self.console.is_dumb_terminal:  # that one cannot draw twice in one place
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
        self.console.print(Text(f"{stamp}{text}"), soft_wrap=True)

    def show(self, url: str) -> None:
        """Brings the screen up to date; what needs a person is told once, with how to answer."""
        self._url = url
        news, self._progress.news = self._progress.news, []
        if self._live is not None:
            self._progress.wanted = tuple(tile["id"] for tile in self._at_work()[: self._rows()])
        else:
            for sentence in news:
                self.say(sentence)
        opened, self._progress.opened = self._progress.opened, []
        for request in opened:
            if request["id"] in self._progress.requests:
                for part in how_to_answer(request, url, self._home):
                    self.console.print(Text(part, style="yellow" if self._live else ""), soft_wrap=True)

    def _picture(self) -> RenderableType:
        group, tiles = self._progress.group, self._progress.tiles
        if not group:
            return Text("…")
        ended = sum(tile["state"] in ENDED for tile in tiles.values())
        bar = ProgressBar(total=max(1, len(tiles)), completed=ended, width=min(60, self.console.width))
        parts: list[RenderableType] = [
            Text.assemble((line(group["name"], min(60, self.console.width - 12)), "bold"), f"  {group['status']}"),
            Text(f"{self._url}/groups/{group['id']}", style="dim"),
            Padding(bar, 0),  # it has no end of line of its own
            Text(f"{counts_of(group)}; {group['steps']} steps, {_lasted(group)}", style="dim"),
            self._table(),
        ]
        if self._progress.requests:
            parts.append(Text(f"{len(self._progress.requests)} need you: see above", style="bold yellow"))
        return Group(*parts, Text("Ctrl-C: leave, pause or cancel", style="dim"))

    def _at_work(self) -> list[dict[str, Any]]:
        """Who has not ended; those that drive first."""
        live = [tile for tile in self._progress.tiles.values() if tile["state"] not in ENDED]
        return sorted(
            live, key=lambda tile: (list(STYLES).index(tile["state"]) if tile["state"] in STYLES else 9, tile["n"])
        )

    def _rows(self) -> int:
        """How many sub-agents the terminal has room for."""
        return max(1, min(ROWS, self.console.height - 8))

    def _table(self) -> Table:
        narrow = self.console.width < NARROW
        widths = (1, self.console.width // 2 - 3) if narrow else (1, 20, 30)
        room = self.console.width - sum(widths) - GAP * len(widths)
        table = Table.grid(padding=(0, GAP, 0, 0))
        for width in (*widths, room):
            table.add_column(no_wrap=True, width=max(1, width), overflow="ellipsis")
        live, rows = self._at_work(), self._rows()
        for tile in live[:rows]:
            state = tile["state"]
            said = self._progress.words(tile["id"]) or tile["line"]
            words = _tail(said, room) if said else line(tile["tool"] or tile["wait"] or state.replace("_", " "))
            named = [] if narrow else [Text(line(tile["name"], 40))]
            mark = Text(MARKS.get(state, " "), style=STYLES.get(state, ""))
            table.add_row(mark, *named, Text(line(tile["title"])), Text(words, style="dim"))
        if len(live) > rows:
            table.add_row("", Text(f"and {len(live) - rows} more", style="dim"))
        return table


def _tail(said: str, room: int) -> str:
    """The last words that fit, since those move."""
    flat = line(said, len(said) + 1)
    if cell_len(flat) <= room:
        return flat
    kept = flat[-max(1, room - 1) :]
    while len(kept) > 1 and cell_len(kept) > room - 1:
        kept = kept[1:]
    return f"…{kept}"


def _lasted(group: dict[str, Any]) -> str:
    started = group["started_at"]
    seconds = max(0, int((group["ended_at"] or time.time() * 1000) - started) // 1000) if started else 0
    return f"{seconds // 60}:{seconds % 60:02d}"
