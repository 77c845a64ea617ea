"""Shows a unified diff or a text file. Both are hostile input and only ever become text."""

from __future__ import annotations

from nicegui.element import Element

from clawgroups.ui.components.style import own_style


class Diff(Element, component="diff.js"):
    """One file's diff, or a whole text with line numbers, under a heading."""

    def __init__(self) -> None:
        super().__init__()
        own_style(self, __file__)
        self.show("", "", "")

    def show(self, title: str, text: str, note: str, *, diff: bool = False) -> None:
        """``note`` says what is special about it, e.g. that it was cut. An empty ``title`` shows nothing."""
        self._props["title"] = title
        self._props["text"] = text
        self._props["note"] = note
        self._props["is-diff"] = diff
        self.update()


def of_file(diff: str, path: str) -> str:
    """The part of a whole diff that is about ``path``; empty when there is none."""
    parts = ("\n" + diff).split("\ndiff --git ")[1:]
    for part in parts:
        head = part.split("\n", 1)[0]
        if head.endswith((f" b/{path}", f' "b/{_quoted(path)}"')):
            return f"diff --git {part}"
    return ""


def _quoted(path: str) -> str:
    """As git writes a name that is not plain ASCII: what is special, and each byte beyond it, behind a backslash."""
    special = {ord('"'): '\\"', ord("\\"): "\\\\", 9: "\\t", 10: "\\n", 13: "\\r"}
    plain = (special.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in path.encode())
    return "".join(plain)
