"""What the webhook remembers over a stop of the server: which open requests it has told, what it had no time to tell.

A request is told when it is open and not among the told ones; the end of a group when it waited at an orderly stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from clawgroups.dispatcher.webhook.words import Note
from clawgroups.group.state import Group
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.settings_table import SettingsTable

TOLD, LEFT = "webhook-told", "webhook-left"
MOST_TOLD = 5_000  # ids; those that are not open any more are dropped first


class Memory:
    """Two small values beside the record."""

    def __init__(self, table: SettingsTable, reader: Reader) -> None:
        self._table = table
        self._reader = reader
        self._told: dict[str, None] = {}

    async def recall(self, groups: Iterable[Group], kinds: Iterable[str], most: int) -> list[Note]:
        """What is to be told now, oldest first: the newest ``most``."""
        told, left = await self._table.load(TOLD), await self._table.load(LEFT)
        groups, chosen = list(groups), set(kinds)
        if told is None:  # a house from before there was this memory: what is open there was told
            await self.mark((), groups, everything=True)
            return []
        self._told = dict.fromkeys(map(str, told))
        if left is not None:
            await self._table.put(LEFT, None)
        notes = [note for note in msgspec.convert(left or [], list[Note]) if note.kind in chosen]
        found: list[tuple[int, Note]] = []
        for group in groups:
            if group.requests.keys() - self._told.keys():
                rows = await self._reader.requests(group.id, state="open", limit=most)
                found += [(row["opened_at"], _note(group, row)) for row in rows if row["kind"] in chosen]
        notes += [note for _, note in sorted(found, key=lambda one: one[0]) if note.request not in self._told]
        return notes[-most:]

    async def mark(self, notes: Iterable[Note], groups: Iterable[Group], *, everything: bool = False) -> None:
        """These were told; of the others only those that are open are kept in mind."""
        open_now = {request for group in groups for request in group.requests}
        told = [*self._told, *(note.request for note in notes if note.request), *(open_now if everything else ())]
        self._told = dict.fromkeys([one for one in told if one in open_now][-MOST_TOLD:])
        await self._table.put(TOLD, list(self._told))

    async def leave(self, notes: Iterable[Note]) -> None:
        """Ends of groups that wait at a stop; open requests are found again by themselves."""
        if ends := [msgspec.to_builtins(note) for note in notes if not note.request]:
            await self._table.put(LEFT, ends)


def _note(group: Group, row: dict[str, Any]) -> Note:
    agent = group.agents.get(row["agent"])
    return Note(
        kind=row["kind"],
        group=group.id,
        group_name=group.name,
        agent=row["agent"],
        agent_name=agent.name if agent else row["agent"],
        request=row["id"],
        title=row["title"],
        detail=row["detail"],
    )
