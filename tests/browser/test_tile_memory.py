"""What a tile of the wall holds does not grow with what it shows: its sparkline, and the words of turns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_faults import Opener
from playwright.sync_api import CDPSession, Page

TILES, ROUNDS, MOST_BYTES = 1000, 3, 200  # a path kept in words takes 1,500, those of a turn 1,900

_MAKE = """async (count) => {
  const { Tile } = await import("/claw/tile.js");
  const always = { role: "worker", state: "driving", step: 1, since: 0 };
  const state = (n) => ({ id: `a-${n}`, name: `worker-${n}`, title: `Work ${n}`, ...always });
  window.tiles = Array.from({ length: count }, (_, n) => {
    const tile = new Tile(state(n));
    tile.update(state(n), "gen");
    tile.large(true);
    document.body.append(tile.element);
    return tile;
  });
}"""
_SAMPLE = """(round) => {
  for (let bar = 0; bar < 20; bar++) {
    window.tiles.forEach((tile, n) => {
      tile.shift();
      tile.sample(1 + ((n + bar * round) % 30), 1);
      tile.draw(32);
    });
  }
}"""
_SAY = """(round) => window.tiles.forEach((tile, n) =>
  tile.say(Array.from({ length: 200 }, (_, word) => `${n}.${round}.${word}`).join(" ").slice(-1400)))"""


def held(tools: CDPSession) -> int:
    """Bytes that the page's scripts hold once what nobody holds is gone."""
    for _ in range(2):
        tools.send("HeapProfiler.collectGarbage")
    return int(tools.send("Runtime.getHeapUsage")["usedSize"])


def sparklines(page: Page) -> bool:
    """Every tile has all its bars."""
    return bool(
        page.evaluate("() => window.tiles.every(({ path }) => path.getAttribute('d').split('M').length === 21)")
    )


def words(page: Page) -> bool:
    """Every tile shows the end of what was said last."""
    shown = f"() => window.tiles.every(({{ more }}, n) => more.line.data.endsWith(` ${{n}}.{ROUNDS}.199`))"
    return bool(page.evaluate(shown))


@pytest.mark.parametrize(("act", "shown"), [(_SAMPLE, sparklines), (_SAY, words)], ids=["sparkline", "words"])
def test_a_tile_holds_no_more_when_it_has_shown_much(
    open_page: Opener, act: str, shown: Callable[[Page], bool]
) -> None:
    page = open_page("/claw/icon.svg")
    page.route("**/nothing-else", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
    page.goto(page.url.replace("/claw/icon.svg", "/nothing-else"))  # so that only the tiles take memory
    page.evaluate(_MAKE, TILES)
    tools = page.context.new_cdp_session(page)
    before = held(tools)
    for turn in range(1, ROUNDS + 1):
        page.evaluate(act, turn)
    assert (held(tools) - before) / TILES < MOST_BYTES
    assert shown(page)
