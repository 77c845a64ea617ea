"""The outgoing webhook: tells a chat that a person is needed, or that a group has ended.

It hears of what is committed and only puts it aside; a task of its own sends. It begins with what is committed after it
was set. What was not told when a server ended and is still open is told after the next start (``webhook_memory.py``).
Nothing is told twice, but for what the other side took and did not say so, or what it took as the server was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from clawgroups.dispatcher.desk import Desk
from clawgroups.dispatcher.views import HOUSE
from clawgroups.dispatcher.webhook.memory import Memory
from clawgroups.dispatcher.webhook.post import Outcome, Poster, Schedule, checked, masked
from clawgroups.dispatcher.webhook.words import DEFAULT, KINDS, Note, message, test_message
from clawgroups.errors import Invalid, LedgerError
from clawgroups.group import events as ev
from clawgroups.group.draft import Decision
from clawgroups.group.state import AgentStatus, Group
from clawgroups.ids import now_ms
from clawgroups.ledger.reader import Reader
from clawgroups.ledger.settings_table import SettingsTable
from clawgroups.tasks import Tasks

log = logging.getLogger("clawgroups.webhook")
KEY = "webhook"
MOST_WAITING = 500  # notes; the oldest are left out first, and counted
MOST_TOGETHER = 20  # in one message
GATHER_S = 0.5  # what comes within it goes into one message
CLOSE_S = 3.0  # how long a message that is on its way may take when the server stops


class WebhookConfig(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an admin has set. ``base``: where people open this server, for links in messages; empty: none."""

    url: str = ""
    kinds: tuple[str, ...] = DEFAULT
    private: bool = False
    base: str = ""


class Webhook:
    """One per dispatcher; does nothing as long as no address is set."""

    def __init__(self, table: SettingsTable, desk: Desk, reader: Reader) -> None:
        self._table = table
        self._memory = Memory(table, reader)
        self._posts = Tasks()
        self._sending: list[Note] = []
        self._desk = desk
        self._poster = Poster()
        self._waiting: deque[Note] = deque()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._changing = asyncio.Lock()
        self.schedule = Schedule()
        self.within_s = 10.0
        self.config = WebhookConfig()
        self.sent, self.sent_at, self.lost = 0, 0, 0
        self.problem: dict[str, Any] | None = None

    async def open(self) -> None:
        """Reads what is set, and what a former process had no time to tell."""
        found = await self._table.load(KEY)
        if found is not None:
            self.config = msgspec.convert(found, WebhookConfig)
        if self.config.url:
            for note in await self._memory.recall(self._groups(), self.config.kinds, MOST_WAITING):
                self._put(note)

    def _groups(self) -> list[Group]:
        return [group for group in self._desk.groups.values() if group.id != HOUSE]

    async def close(self) -> None:
        """Lets a message on its way arrive, keeps what waits, ends its connections. The task has ended before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._posts.drain()
        await self._posts.close()
        try:
            await self._memory.leave([*self._sending, *self._waiting] if self.config.url else [])
        except LedgerError as error:
            log.warning("what waited for the webhook could not be kept: %s", error, extra={"action": "webhook_left"})
        await self._poster.close()

    # --- what is set -----------------------------------------------------------------------------------

    async def change(self, changes: dict[str, Any], actor: str) -> None:
        """Sets what is given and keeps the rest. Raises Invalid."""
        async with self._changing:
            fresh = msgspec.structs.replace(self.config, **changes)
            unknown = sorted(set(fresh.kinds) - KINDS.keys())
            if unknown:
                hint = f"There are: {', '.join(KINDS)}."
                raise Invalid(f"There is no kind {unknown[0]!r}.", hint=hint, field="kinds")
            if fresh.url:
                checked(fresh.url, private=fresh.private)
            if (fresh.url, fresh.kinds) != (self.config.url, self.config.kinds):
                await self._memory.mark([], self._groups(), everything=True)  # what is open already is not told
            await self._table.put(KEY, msgspec.to_builtins(fresh))
            if fresh.url != self.config.url:
                self._waiting.clear()
                self.problem = None
            self.config = fresh
        self._changed.set()
        names = ", ".join(sorted(changes))  # never the values: one of them is a secret
        log.info("%s changed the webhook: %s", actor, names, extra={"action": "webhook_changed"})

    def view(self) -> dict[str, Any]:
        """For admins: what is set, with the secret masked, and how it went lately."""
        return {
            "set": bool(self.config.url),
            "where": masked(self.config.url),
            "kinds": list(self.config.kinds),
            "choices": [{"id": kind, "label": label} for kind, label in KINDS.items()],
            "private": self.config.private,
            "base": self.config.base,
            "waiting": len(self._waiting),
            "sent": self.sent,
            "sent_at": self.sent_at,
            "lost": self.lost,
            "problem": self.problem,
        }

    async def test(self, by: str) -> dict[str, Any]:
        """One message now, tried once: ok, sentence."""
        if not self.config.url:
            raise Invalid("No address is set yet.", hint="Set the webhook's address first.", field="url")
        config = self.config
        outcome = await self._poster.post(config.url, test_message(by), private=config.private, within_s=self.within_s)
        if not outcome.sentence and self.problem is not None and not self._waiting:
            self.problem = None
        return {"ok": not outcome.sentence, "sentence": outcome.sentence or "The test message was taken."}

    # --- what happens ----------------------------------------------------------------------------------

    def hear(self, decision: Decision) -> None:
        """What was committed. Cheap, and nothing at all without an address."""
        group = decision.group
        if not self.config.url or group.id == HOUSE:
            return
        for note in _notes(decision, group):
            if note.kind in self.config.kinds:
                self._put(note)

    def _put(self, note: Note) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(note)
        self._wake.set()

    async def run(self) -> None:
        """Sends what waits, until it is cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            while self._waiting:
                notes = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
                try:
                    await self._send(notes)
                except Exception as error:
                    self._broke(error)

    def _broke(self, error: Exception) -> None:
        """One message that fails for a fault of our own is lost and told; those after it are sent."""
        self.lost += len(self._sending)
        self._sending = []
        self.problem = {
            "at": now_ms(),
            "sentence": f"The server failed on a message ({type(error).__name__}); its log has the details.",
            "tries": 1,
            "given_up": True,
        }
        where = "".join(traceback.format_tb(error.__traceback__))  # without its words: they may hold the address
        log.error("a message broke (%s):\n%s", type(error).__name__, where, extra={"action": "webhook_broke"})

    async def _send(self, notes: list[Note]) -> None:
        """One message, tried until it is taken or it is no use; what was settled meanwhile is not told any more."""
        begun, tries = time.monotonic(), 0
        while (notes := [note for note in notes if self._is_news(note)]) and self.config.url:
            self._changed.clear()
            config = self.config
            self._sending = notes
            outcome = await asyncio.shield(self._posts.start(self._post(notes, config), name="webhook-post"))
            if not outcome.sentence:
                return
            tries += 1
            wait = self.schedule.wait(tries, time.monotonic() - begun, outcome.asked_s) if outcome.again else None
            self._tell(outcome.sentence, tries, given_up=wait is None)
            if wait is None:
                self.lost += len(notes)
                self._sending = []
                return
            await self._sleep(wait)
        self._sending = []

    async def _post(self, notes: list[Note], config: WebhookConfig) -> Outcome:
        """One try, to its end even when the server stops meanwhile: what was taken is remembered."""
        body = message(notes, config.base)
        outcome = await self._poster.post(config.url, body, private=config.private, within_s=self.within_s)
        if not outcome.sentence:
            self._sending = []
            self.sent, self.sent_at, self.problem = self.sent + len(notes), now_ms(), None
            await self._memory.mark(notes, self._groups())
        return outcome

    async def _sleep(self, wait_s: float) -> None:
        """Until it is time, or somebody changes what is set."""
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _is_news(self, note: Note) -> bool:
        """Whether a request still waits; the end of a group stays news."""
        group = self._desk.groups.get(note.group)
        return not note.request or (group is not None and note.request in group.requests)

    def _tell(self, sentence: str, tries: int, *, given_up: bool) -> None:
        self.problem = {"at": now_ms(), "sentence": sentence, "tries": tries, "given_up": given_up}
        level = logging.WARNING if given_up else logging.INFO
        log.log(level, "the webhook was not taken (try %d): %s", tries, sentence, extra={"action": "webhook_failed"})


def _notes(decision: Decision, group: Group) -> Iterable[Note]:
    for recorded in decision.events:
        event = recorded.event
        if isinstance(event, ev.RequestOpened):
            agent = group.agents.get(event.agent)
            yield Note(
                kind=event.request_kind.value,
                group=group.id,
                group_name=group.name,
                agent=event.agent,
                agent_name=agent.name if agent else event.agent,
                request=event.request,
                title=event.title,
                detail=event.detail,
            )
        elif isinstance(event, ev.GroupFinished):
            root = group.agents.get(group.root)
            failed = root is not None and root.status is AgentStatus.FAILED
            yield Note(kind="group_failed" if failed else "group_finished", group=group.id, group_name=group.name)
