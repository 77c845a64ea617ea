"""What every page has in its head: our styles, and the choice of dark or light before the first paint."""

from __future__ import annotations

import json
from html import escape

from nicegui import ui

from clawgroups.ui.person import told

SHEETS = ("claw", "shell", "people", "home", "group", "wall", "inbox", "drawer", "attached")

FIRST = '<script src="/claw/first.js"></script>'  # before anything is painted


def add_head() -> None:
    """Adds styles and the theme to the page that is being built."""
    links = "".join(f'<link rel="stylesheet" href="/claw/{sheet}.css">' for sheet in SHEETS)
    known = f'<meta name="claw-person" content="{escape(json.dumps(told()))}">'
    me = "".join(f'<script type="module" src="/claw/{name}.js"></script>' for name in ("clean", "me"))
    ui.add_head_html(f"{FIRST}{known}{links}{me}")
