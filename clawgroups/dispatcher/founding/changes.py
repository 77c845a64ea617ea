"""What has changed in a repository, for a review: asked of a runner, which alone runs git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from clawgroups.errors import Invalid, LinkError
from clawgroups.link import messages as ms

if TYPE_CHECKING:
    from clawgroups.dispatcher.dispatcher import Dispatcher

SHOWN = 200  # files that are named in words
_REF = re.compile(r"[\w@][\w./@{}~^+-]*")


class ChangedFile(Struct, frozen=True):
    """``text`` False: git takes it for binary."""

    path: str
    added: int
    removed: int
    text: bool


class Change(Struct, frozen=True, kw_only=True):
    """``head`` empty: up to what lies in the folder now, with ``fresh`` files that git does not know yet.

    ``more``: only the first files are listed. ``left_out``: files whose part of the diff did not fit.
    """

    base: str
    head: str
    files: list[ChangedFile]
    fresh: list[str]
    more: bool
    diff: str = ""
    left_out: list[str] = []
    base_words: str = "the last commit"
    head_words: str = ""

    @property
    def count(self) -> int:
        """How many files there are to look at."""
        return len(self.files) + len(self.fresh)

    def words(self) -> str:
        """What the change is, and its files with their lines."""
        until = (
            f"to {self.head_words} ({self.head[:12]})" if self.head else "to what lies in the folder, committed or not"
        )
        rows = [f"- {_flat(f.path)}: {_lines(f)}" for f in self.files]
        rows += [f"- {_flat(path)}: new, not known to git yet; read it at source/{_flat(path)}" for path in self.fresh]
        more = [f"- and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        told = f"The change goes from {self.base_words} ({self.base[:12]}) {until}:\n" + "\n".join(rows[:SHOWN] + more)
        if self.left_out:
            names = ", ".join(_flat(path) for path in self.left_out[:SHOWN])
            told += f"\nToo long to be shown below, so read them at source/ and say that you saw no diff: {names}"
        return told


def _lines(file: ChangedFile) -> str:
    if not file.text:
        return "binary"
    return f"{file.added} {'line' if file.added == 1 else 'lines'} added, {file.removed} removed"


def _flat(path: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in path)


async def look_at_change(dispatcher: Dispatcher, folder: str, base: str, head: str, *, count_only: bool) -> Change:
    """Raises Invalid for a place that is not there or where nothing has changed, LinkError where no runner is up."""
    base, head = base.strip(), head.strip()
    for field, ref in (("base", base), ("head", head)):
        if ref and (not _REF.fullmatch(ref) or ".." in ref or len(ref) > 200):
            sentence = f"{ref[:80]!r} is no name of a commit, a branch or a tag."
            raise Invalid(sentence, hint="Write it as git shows it, such as main or HEAD~3.", field=field)
    if head and not base:
        raise Invalid("Say from where the change goes.", hint="Give the branch it comes from, or HEAD~1.", field="base")
    link = dispatcher.crew.any_link()
    if link is None:
        raise LinkError("No runner is up that could look at the change.", hint="Try again in a moment.")
    what = "count_change" if count_only else "change"
    found: dict[str, Any] = await link.ask(ms.Ask(id=0, what=what, path=folder, since=f"{base}..{head}"))
    if "problem" in found:
        hint = "Write a branch, a tag or a commit as git shows it."
        raise Invalid(found["problem"], hint=hint, field=found["field"])
    files = [ChangedFile(**file) for file in found.pop("files")]
    change = Change(files=files, base_words=base or "the last commit", head_words=head, **found)
    if not change.count:
        raise Invalid("Nothing has changed there.", hint="Choose other places of the repository.", field="base")
    return change
