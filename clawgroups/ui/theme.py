"""What every page has in its head: our styles, and the choice of dark or light before the first paint."""

from __future__ import annotations

from nicegui import ui

SHEETS = ("claw", "shell", "home", "group", "wall", "inbox", "drawer")

# Runs before anything is painted, so that the page does not flash in the other theme.
_FIRST = """
(() => {
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const kept = localStorage.getItem("claw-theme");
    document.documentElement.dataset.theme = kept || (system.matches ? "light" : "dark");
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
})();
"""


def add_head() -> None:
    """Adds styles and the theme to the page that is being built."""
    links = "".join(f'<link rel="stylesheet" href="/claw/{sheet}.css">' for sheet in SHEETS)
    ui.add_head_html(f"<script>{_FIRST}</script>{links}")
