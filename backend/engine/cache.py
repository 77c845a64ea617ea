"""Pages for sequences: shared where another has computed the same prefix, taken from what nobody uses any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from backend.engine.pages import CacheDamaged, PagePool
from backend.engine.prefix_tree import PrefixTree
from backend.engine.sequence import Sequence


class Cache:
    """The page pool and the prefix tree over it. Without ``share`` no prefix is ever found."""

    def __init__(self, page_size: int, page_count: int, share: bool) -> None:
        self.page_size = page_size
        self.pool = PagePool(page_count)
        self.tree = PrefixTree(self.pool)
        self._share = share
        self._promises: Counter[int] = Counter()

    @property
    def available(self) -> int:
        """Pages that are free, or would be if the prefixes that nobody uses were given up."""
        return self.pool.free + self.pool.idle

    def pages_for(self, tokens: int) -> int:
        """Pages that ``tokens`` tokens take."""
        return -(-tokens // self.page_size)

    def awaited(self, sequence: Sequence) -> bool:
        """Whether another sequence is just computing more of this one's prefix than is known: then it waits for it."""
        if sequence.awaits is not None:
            if self._promises[sequence.awaits] > 0:
                return True
            sequence.awaits = None
        if not self._reads(sequence):
            return False
        marks = sequence.marks(self.page_size, self._usable(sequence))
        known = len(self.tree.match(sequence.keys(self.page_size, len(marks))))
        for mark in reversed(marks[known:]):
            if self._promises[mark] > 0:
                sequence.awaits = mark
                return True
        return False

    def enter(self, sequence: Sequence, spare: int) -> bool:
        """Give ``sequence`` pages for all its tokens, known ones first; False if then fewer than ``spare`` are left.

        Nothing changes then. Afterwards ``computed`` tells how many of its tokens need not be computed.
        """
        path = []
        if self._reads(sequence):
            path = self.tree.match(sequence.keys(self.page_size, self._usable(sequence)))
        known = [node.page for node in path]
        self.pool.share(known)
        missing = self.pages_for(len(sequence.tokens)) - len(known)
        if missing + spare > self.available:
            self.pool.release(known)
            return False
        sequence.path = path
        sequence.pages = known + self._take(missing)
        sequence.computed = len(known) * self.page_size
        self._promise(sequence)
        return True

    def extend(self, sequence: Sequence) -> bool:
        """A page for its newest token if it needs one; False if there is none."""
        missing = self.pages_for(len(sequence.tokens)) - len(sequence.pages)
        if missing > self.available:
            return False
        sequence.pages += self._take(missing)
        return True

    def store(self, sequence: Sequence) -> None:
        """Keep what ``sequence`` has computed, page by full page, for others. What is known already is let go."""
        if not self._share:
            return
        full = sequence.computed // self.page_size
        if full == len(sequence.path):
            return
        keys = sequence.keys(self.page_size, full)
        for page in range(len(sequence.path), full):
            parent = sequence.path[-1] if sequence.path else self.tree.root
            node = self.tree.insert(parent, keys[page], sequence.pages[page])
            if node.page != sequence.pages[page]:
                self.pool.share([node.page])
                self.pool.release([sequence.pages[page]])
                sequence.pages[page] = node.page
            sequence.path.append(node)
            if page < sequence.promised:
                self._redeem(sequence, page)

    def leave(self, sequence: Sequence) -> None:
        """Take all its pages back; what it stored stays known for as long as there is room."""
        for page in range(len(sequence.path), sequence.promised):
            self._redeem(sequence, page)
        self.pool.release(sequence.pages)
        sequence.pages, sequence.path = [], []
        sequence.computed = sequence.promised = 0

    def forget(self) -> None:
        """Give up every prefix that nobody uses."""
        self.tree.evict(self.pool.count)

    def audit(self, running: Iterable[Sequence]) -> None:
        """Raises CacheDamaged unless every page is accounted for by ``running`` sequences and the tree."""
        held: Counter[int] = Counter()
        promised = 0
        for sequence in running:
            held.update(sequence.pages)
            promised += max(0, sequence.promised - len(sequence.path))
            if [node.page for node in sequence.path] != sequence.pages[: len(sequence.path)]:
                raise CacheDamaged(f"request {sequence.request.id} has other pages than the prefix tree")
        self.pool.audit(held, self.tree.audit(8 * self.page_size))
        if self._promises.total() != promised:
            raise CacheDamaged(f"{self._promises.total()} pages are promised, {promised} are being computed")

    def _reads(self, sequence: Sequence) -> bool:
        return self._share and not sequence.scores_prompt

    def _usable(self, sequence: Sequence) -> int:
        """Full pages before the last token: that one is always computed, for its logits."""
        return (len(sequence.tokens) - 1) // self.page_size

    def _take(self, count: int) -> list[int]:
        if count > self.pool.free:
            self.tree.evict(count - self.pool.free)
        return self.pool.take(count)

    def _promise(self, sequence: Sequence) -> None:
        if self._share:
            sequence.promised = len(sequence.tokens) // self.page_size
            marks = sequence.marks(self.page_size, sequence.promised)
            self._promises.update(marks[len(sequence.path) :])

    def _redeem(self, sequence: Sequence, page: int) -> None:
        mark = sequence.marks(self.page_size, page + 1)[page]
        self._promises[mark] -= 1
        if not self._promises[mark]:
            del self._promises[mark]
