"""What runs in the next forward pass, and what comes of it. For one thread only; knows no clock.

A step is ``schedule`` (answers that are being written first, then prompts with what is left of the step's tokens, the
clients in turn), ``run`` (the model) and ``settle`` (pages kept for others, tokens chosen, requests ended).

Memory: a request is let in when there are pages for its prompt and a reserve for its answer and those of all that run.
When an answer still finds no page, the sequence that was let in last gives up its pages and is computed again later,
before anything new. The first one in never gives up, and fits in the cache alone; so there is always progress.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from backend.engine.cache import Cache
from backend.engine.counters import Counters
from backend.engine.limits import Limits
from backend.engine.request import Event, Finish, FinishReason, Piece, Prefilled
from backend.engine.runner import Runner
from backend.engine.sampler import choose, score
from backend.engine.sequence import Place, Sequence
from backend.engine.turns import Turns

Happened = tuple[Sequence, Event]


@dataclass(frozen=True, slots=True)
class Work:
    """What a sequence does in this step: its next ``count`` tokens."""

    sequence: Sequence
    count: int

    @property
    def last(self) -> bool:
        """Whether its newest token is among them, so that the next one can be chosen."""
        return self.count == self.sequence.ahead

    @property
    def wanted(self) -> int:
        """Rows of logits: all if the prompt is scored, one if a token is to be chosen."""
        return self.count if self.sequence.scores_prompt else int(self.last)

    def piece(self) -> Piece:
        """The same for the model."""
        sequence, start = self.sequence, self.sequence.computed
        return Piece(
            sequence.tokens[start : start + self.count],
            start,
            sequence.pages,
            self.wanted,
            sequence.images(start, self.count),
        )


class Scheduler:
    """Sequences that wait and run over the pages of one model."""

    def __init__(self, runner: Runner, limits: Limits) -> None:
        self.counters = Counters()
        self.cache = Cache(runner.page_size, runner.page_count, limits.share_prefixes)
        self._runner = runner
        self._limits = limits
        self._turns = Turns()
        self._running: list[Sequence] = []
        self._preempted: list[Sequence] = []
        self._entered = 0
        self._door_shut = False

    @property
    def running(self) -> int:
        """Sequences that have pages."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Sequences that have none."""
        return len(self._turns) + len(self._preempted)

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._running or self.waiting)

    def add(self, sequence: Sequence) -> None:
        """Let it wait for its turn."""
        self.counters.requests += 1
        self._turns.arrive(sequence)

    def cancel(self, sequence: Sequence) -> list[Happened]:
        """End it wherever it is; nothing happens to one that has ended."""
        return [] if sequence.place is Place.ENDED else [self._end(sequence, "abort")]

    def fail(self, sequences: Iterable[Sequence], sentence: str) -> list[Happened]:
        """End these because of an error."""
        return [self._end(each, "error", sentence) for each in sequences if each.place is not Place.ENDED]

    def audit(self) -> None:
        """Raises CacheDamaged unless every page is accounted for."""
        self.cache.audit(self._running)

    def start_over(self) -> None:
        """Forget all sequences and all that the cache knows; the totals stay."""
        before = self.cache
        self.cache = Cache(self._runner.page_size, self._runner.page_count, self._limits.share_prefixes)
        self.cache.tree.evicted = before.tree.evicted
        self._turns = Turns()
        self._running, self._preempted = [], []

    def schedule(self) -> list[Work]:
        """What runs next. Empty only when there is nothing to do."""
        self._door_shut = False
        self._come_back()
        work = self._answers()
        return work + self._prompts(self._limits.step_tokens - len(work))

    def run(self, work: list[Work]) -> Tensor:
        """The model's logits of it. Raises whatever the model raises; then nothing of ``work`` counts as computed."""
        return self._runner.forward([each.piece() for each in work])

    def settle(self, work: list[Work], logits: Tensor) -> list[Happened]:
        """Take in what the step brought."""
        self.counters.steps += 1
        happened: list[Happened] = []
        ready: list[Sequence] = []
        rows: list[int] = []
        first = 0
        for each in work:
            sequence, last, after = each.sequence, each.last, first + each.wanted
            self._score(each, logits[first:after])
            sequence.computed += each.count
            self.counters.computed_tokens += each.count
            self.cache.store(sequence)
            if last:
                happened += self._prefilled(sequence)
                ready.append(sequence)
                rows.append(after - 1)
            first = after
        return happened + (self._advance(ready, logits[rows]) if ready else [])

    def _come_back(self) -> None:
        """Sequences that had given up their pages, as far as there is room; nothing new is let in before them."""
        while self._preempted:
            sequence = self._preempted[0]
            if self.cache.awaited(sequence) or not self._enter(sequence):
                self._door_shut = True
                break
            self._preempted.remove(sequence)

    def _answers(self) -> list[Work]:
        """One token of each answer; those for which there is no page push out whoever was let in last."""
        work: list[Work] = []
        for sequence in list(self._running):
            if sequence.ahead == 1 and self._make_room(sequence):
                work.append(Work(sequence, 1))
        return work

    def _make_room(self, sequence: Sequence) -> bool:
        """Whether it is still running, and then with a page for its newest token."""
        while sequence.place is Place.RUNNING:
            if self.cache.extend(sequence):
                return True
            self._door_shut = True
            self._preempt(self._running[-1])
        return False

    def _prompts(self, budget: int) -> list[Work]:
        """Parts of prompts, one after another: each time of the client that has had least."""
        work: list[Work] = []
        begun: dict[str, list[Sequence]] = {}
        for sequence in self._running:
            if sequence.ahead > 1:
                begun.setdefault(sequence.request.client, []).append(sequence)
        clients = self._turns.clients()
        heap = [(self._turns.served(client), order) for order, client in enumerate(clients)]
        heapq.heapify(heap)
        while heap and budget > 0:
            _, order = heapq.heappop(heap)
            client = clients[order]
            next_one = begun[client].pop(0) if begun.get(client) else self._admit(client)
            if next_one is None:
                continue
            work.append(Work(next_one, min(next_one.ahead, budget, self._most(next_one))))
            budget -= work[-1].count
            self._turns.charge(client, work[-1].count)
            heapq.heappush(heap, (self._turns.served(client), order))
        return work

    def _most(self, sequence: Sequence) -> int:
        """Tokens of one piece: where the logits of all are wanted, these have to fit in memory."""
        if not sequence.scores_prompt:
            return self._limits.step_tokens
        return max(1, self._limits.logit_bytes // (4 * self._runner.vocab_size))

    def _admit(self, client: str) -> Sequence | None:
        """The next of ``client``'s that waits for nothing but its turn. Whoever finds no room shuts the door behind."""
        if self._door_shut:
            return None
        for sequence in self._turns.queue(client):
            if self.cache.awaited(sequence):
                continue
            if self._enter(sequence):
                return sequence
            self._door_shut = True
            return None
        return None

    def _enter(self, sequence: Sequence) -> bool:
        """Let it in if there is room."""
        if len(self._running) >= self._limits.max_running:
            return False
        reserve = sum(self._reserve(each) for each in (*self._running, sequence)) if self._running else 0
        if not self.cache.enter(sequence, reserve):
            return False
        if sequence.place is Place.WAITING:
            self._turns.let_in(sequence)
            sequence.turn, self._entered = self._entered, self._entered + 1
            sequence.cached_tokens = sequence.computed
        sequence.place = Place.RUNNING
        insort(self._running, sequence, key=_turn)
        return True

    def _reserve(self, sequence: Sequence) -> int:
        """Pages kept free for its answer."""
        return self.cache.pages_for(min(sequence.limit - sequence.generated, self._limits.reserve_tokens))

    def _preempt(self, sequence: Sequence) -> None:
        self._running.remove(sequence)
        self.cache.leave(sequence)
        if not sequence.prefilled:
            sequence.prompt_logprobs.clear()
        sequence.place = Place.PREEMPTED
        insort(self._preempted, sequence, key=_turn)
        self.counters.preempted += 1

    def _score(self, work: Work, logits: Tensor) -> None:
        sequence, top = work.sequence, work.sequence.request.sampling.prompt_logprobs
        if sequence.scores_prompt and top is not None:
            first = sequence.computed + 1
            ids = sequence.tokens[first : first + work.count]
            if ids:
                sequence.prompt_logprobs += score(logits[: len(ids)], ids, top)

    def _prefilled(self, sequence: Sequence) -> list[Happened]:
        """Told once, also of a sequence whose pages were computed twice."""
        if sequence.prefilled:
            return []
        sequence.prefilled = True
        self.counters.prompt_tokens += sequence.prompt_length
        self.counters.cached_tokens += sequence.cached_tokens
        scores = tuple(sequence.prompt_logprobs)
        sequence.prompt_logprobs.clear()
        return [(sequence, Prefilled(sequence.prompt_length, sequence.cached_tokens, scores))]

    def _advance(self, ready: list[Sequence], logits: Tensor) -> list[Happened]:
        """Choose a token for each of ``ready`` from its row of ``logits``."""
        happened: list[Happened] = []
        tokens = choose(logits, [sequence.chooser for sequence in ready])
        for sequence, token in zip(ready, tokens, strict=True):
            if not sequence.limit:
                happened.append(self._end(sequence, "length"))
                continue
            complete = not sequence.chooser.fault and sequence.chooser.accept(token.id)
            if sequence.chooser.fault:
                happened.append(self._end(sequence, "error", sequence.chooser.fault))
                continue
            sequence.tokens.append(token.id)
            self.counters.generated_tokens += 1
            self._turns.charge(sequence.request.client, 1)
            happened.append((sequence, token))
            if complete or token.id in sequence.request.sampling.stop_ids:
                happened.append(self._end(sequence, "stop"))
            elif sequence.generated >= sequence.limit:
                happened.append(self._end(sequence, "length"))
        return happened

    def _end(self, sequence: Sequence, reason: FinishReason, error: str = "") -> Happened:
        if sequence.place is Place.WAITING:
            self._turns.give_up(sequence)
        else:
            (self._running if sequence.place is Place.RUNNING else self._preempted).remove(sequence)
            self.cache.leave(sequence)
            self._turns.end(sequence)
        sequence.place = Place.ENDED
        self.counters.aborted += reason == "abort"
        self.counters.failed += reason == "error"
        return sequence, Finish(reason, sequence.generated, error)


def _turn(sequence: Sequence) -> int:
    return sequence.turn
