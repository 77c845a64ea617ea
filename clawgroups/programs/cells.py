"""Words of strangers in the cells of tables. Pure."""

from __future__ import annotations

import re


def cell(text: str) -> str:
    """Text that cannot break out of a Markdown table's cell, whatever it holds."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace("://", ":&#47;/")
    for mark in ("\\", "|", "`", "*", "_", "~", "$", "[", "]"):
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def plain(text: str) -> str:
    """A CSV cell that a spreadsheet does not run as a formula: such text is quoted with an apostrophe."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def shortened(text: str, width: int) -> str:
    """At most so many characters, cut behind a word; inside one only where there is no other place."""
    if len(text) <= width:
        return text
    cut = text[: width - 1]
    whole = cut if text[width - 1].isspace() else re.sub(r"\S+\Z", "", cut)
    kept = whole.rstrip() if len(whole) > width // 2 else cut
    return f"{kept}…"


def counted(number: int, noun: str) -> str:
    """As in: 1 file, 2,000 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
