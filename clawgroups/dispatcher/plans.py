"""What a person asks for when they make a group."""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.state import Limits
from clawgroups.group.tools import Policy


class NewGroup(Struct, frozen=True, kw_only=True):
    """A group to be made. Empty ``conductor``/``worker``: the template's or the installation's default."""

    name: str
    goal: str = ""
    rules: str = ""
    template: str = ""
    folder: str = ""
    folder_mode: str = "read"  # read | worktree
    conductor: str = ""
    worker: str = ""
    limit: int = 300
    pace: int | None = None
    limits: Limits = Limits()
    policies: dict[str, Policy] = {}
    start: bool = False
