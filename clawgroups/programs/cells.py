"""Words of strangers in the cells of tables. Pure."""

from __future__ import annotations


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
