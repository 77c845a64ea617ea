"""Live text and token rates on their way from the runners to the feed. Nothing here is stored."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from clawgroups.ids import group_of
from clawgroups.link.messages import Delta

KEEP_CHARS = 20_000  # of the turn under way, for somebody who opens it in the middle
COUNTED_S = 10.0  # so long after somebody asked how much was spoken it is counted on
KEPT_KINDS = ("text", "reasoning", "call")


class _Turn:
    """The turn under way of one sub-agent."""

    __slots__ = ("epoch", "pieces", "rate", "text", "tokens", "tool", "window")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.text: dict[str, str] = {}
        self.pieces: list[tuple[str, str]] = []
        self.tool = ""
        self.tokens = 0
        self.window = 0
        self.rate = 0.0


class LiveText:
    """Gathers pieces; the feed takes them in batches."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._moved: dict[str, set[str]] = defaultdict(set)
        self._resets: dict[str, set[str]] = defaultdict(set)
        self._measured: dict[str, float] = {}
        self._watched: dict[str, frozenset[str]] = {}
        self._spoken: Counter[str] = Counter()
        self._asked_at = -COUNTED_S

    def add(self, delta: Delta, epoch: int) -> None:
        """One piece from a runner; of an old epoch it is dropped."""
        if delta.epoch != epoch:
            return
        group = group_of(delta.agent)
        turn = self._turns.get(delta.agent)
        if turn is None or turn.epoch != epoch:
            turn = self._turns[delta.agent] = _Turn(epoch)
        if delta.kind == "tool":
            turn.tool = delta.text
        elif delta.kind in KEPT_KINDS:
            turn.text[delta.kind] = (turn.text.get(delta.kind, "") + delta.text)[-KEEP_CHARS:]
            if delta.agent in self._watched.get(group, ()):
                turn.pieces.append((delta.kind, delta.text))
            turn.tokens += delta.tokens
            turn.window += delta.tokens
            if time.monotonic() - self._asked_at < COUNTED_S:
                self._spoken[delta.agent] += delta.tokens
        self._moved[group].add(delta.agent)

    def end_turn(self, agent: str) -> None:
        """The turn is in the ledger now (or its driver is gone): its live text is over."""
        if self._turns.pop(agent, None) is not None:
            group = group_of(agent)
            self._resets[group].add(agent)
            self._moved[group].add(agent)

    def tool(self, agent: str) -> str:
        """The tool that runs now."""
        turn = self._turns.get(agent)
        return turn.tool if turn else ""

    def line(self, agent: str) -> str:
        """The last words, at most 120 characters."""
        turn = self._turns.get(agent)
        if turn is None:
            return ""
        text = turn.text.get("text") or turn.text.get("reasoning") or ""
        return text[-120:].replace("\n", " ")

    def partial(self, agent: str) -> dict[str, Any]:
        """The turn under way, as far as it is kept."""
        turn = self._turns.get(agent)
        if turn is None:
            return {"text": "", "reasoning": "", "epoch": 0}
        return {
            "text": turn.text.get("text", ""),
            "reasoning": turn.text.get("reasoning", ""),
            "epoch": turn.epoch,
        }

    def rates(self, group: str) -> list[list[float]]:
        """[number, tokens a second, tokens of this turn] of those who moved since the last call."""
        now = time.monotonic()
        passed = max(0.02, now - self._measured.get(group, now - 0.12))
        self._measured[group] = now
        rows: list[list[float]] = []
        for agent in self._moved.pop(group, ()):
            turn = self._turns.get(agent)
            number = int(agent.rsplit("-", 1)[1])
            if turn is None:
                rows.append([number, 0, 0])
                continue
            turn.rate = 0.6 * turn.rate + 0.4 * turn.window / passed
            turn.window = 0
            rows.append([number, round(turn.rate, 1), turn.tokens])
            if turn.rate > 0.5:
                self._moved[group].add(agent)  # so that a rate falls back to zero on screen
        return rows

    def spoken(self) -> Counter[str]:
        """Tokens of each sub-agent since this was asked last; nothing is counted while nobody asks for a while."""
        spoken, self._spoken = self._spoken, Counter()
        self._asked_at = time.monotonic()
        return spoken

    def take(self, group: str, watched: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
        """The new pieces of watched sub-agents, as frames."""
        frames: dict[str, list[dict[str, Any]]] = {}
        for agent in self._resets.pop(group, set()) & watched:
            frames[agent] = [{"t": "text", "agent": agent, "epoch": 0, "kind": "text", "reset": True, "add": ""}]
        for agent in watched:
            turn = self._turns.get(agent)
            if turn is None or not turn.pieces:
                continue
            joined: dict[str, str] = {}
            for kind, piece in turn.pieces:
                joined[kind] = joined.get(kind, "") + piece
            turn.pieces.clear()
            frames.setdefault(agent, []).extend(
                {"t": "text", "agent": agent, "epoch": turn.epoch, "kind": kind, "add": add}
                for kind, add in joined.items()
            )
        return frames

    def resets(self, agents: Iterable[str]) -> list[dict[str, Any]]:
        """The whole turn under way of each, for somebody who begins to watch."""
        frames = []
        for agent in agents:
            turn = self._turns.get(agent)
            texts = turn.text if turn else {}
            for kind in ("text", "reasoning"):
                frames.append(
                    {
                        "t": "text",
                        "agent": agent,
                        "epoch": turn.epoch if turn else 0,
                        "kind": kind,
                        "reset": True,
                        "add": texts.get(kind, ""),
                    }
                )
        return frames

    def watch(self, group: str, agents: frozenset[str]) -> None:
        """Pieces of these are gathered from now on."""
        self._watched[group] = agents

    def forget_group(self, group: str) -> None:
        """The group has ended and left memory."""
        self.forget_watch(group)
        self._measured.pop(group, None)

    def forget_watch(self, group: str) -> None:
        """Nobody watches the group any more."""
        self._watched.pop(group, None)
        self._moved.pop(group, None)
        self._resets.pop(group, None)
