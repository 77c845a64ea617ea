"""What has been computed already: a radix tree whose edges are full pages of tokens.

A path from the root is a prefix of some prompt, page by page; each node keeps the page with the latents of its tokens.
A sequence that uses a node's page uses all its ancestors' too, so whatever nobody uses hangs together at the leaves and
can be given up from there, the least recently used first. Keys are the tokens themselves (and images' digests): two
prompts share a page only if they are the same, not if they only hash alike.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence

from backend.engine.pages import CacheDamaged, PagePool


class Node:
    """A page of tokens after its parent's. The root has no page."""

    __slots__ = ("children", "key", "page", "parent", "queued", "used")

    def __init__(self, key: bytes, page: int, parent: Node | None) -> None:
        self.key = key
        self.page = page
        self.parent = parent
        self.children: dict[bytes, Node] = {}
        self.used = 0
        """When it was last used, on the tree's own clock."""
        self.queued = False
        """Whether the heap of leaves has it."""

    @property
    def alive(self) -> bool:
        """Whether it is still in the tree."""
        return self.parent is not None and self.parent.children.get(self.key) is self


class PrefixTree:
    """Keeps pages of ``pool`` by what they hold."""

    def __init__(self, pool: PagePool) -> None:
        self._pool = pool
        self.root = Node(b"", -1, None)
        self.evicted = 0
        """Pages given up since the start."""
        self._clock = 0
        self._order = 0
        self._leaves: list[tuple[int, int, Node]] = []

    def match(self, keys: Iterable[bytes]) -> list[Node]:
        """The nodes of the longest known prefix of ``keys``, from the root on; they count as used now."""
        self._clock += 1
        node, found = self.root, []
        for key in keys:
            child = node.children.get(key)
            if child is None:
                break
            child.used = self._clock
            found.append(child)
            node = child
        return found

    def insert(self, parent: Node, key: bytes, page: int) -> Node:
        """The node of ``key`` under ``parent``. It keeps ``page``, unless it was there with one of its own."""
        if parent is not self.root and not parent.alive:
            raise CacheDamaged("a page is stored under one that was given up")
        known = parent.children.get(key)
        if known is None:
            self._pool.keep(page)
            known = parent.children[key] = Node(key, page, parent)
            self._queue(known)
        self._clock += 1
        known.used = self._clock
        return known

    def evict(self, count: int) -> int:
        """Give up to ``count`` pages that nobody uses back to the pool; how many it were."""
        given, busy = 0, []
        while given < count and self._leaves:
            stamp, _, node = heapq.heappop(self._leaves)
            node.queued = False
            if node.children:
                continue
            if stamp != node.used:
                self._queue(node)
            elif self._holders(node) > 1:
                busy.append(node)
            else:
                self._remove(node)
                given += 1
        for node in busy:
            self._queue(node)
        self.evicted += given
        return given

    def nodes(self) -> Iterator[Node]:
        """All but the root."""
        rest = list(self.root.children.values())
        while rest:
            node = rest.pop()
            rest += node.children.values()
            yield node

    def audit(self, key_bytes: int) -> set[int]:
        """The pages kept. Raises CacheDamaged for one kept twice, a node out of place, a leaf that is never evicted."""
        pages: set[int] = set()
        for node in self.nodes():
            if node.page in pages:
                raise CacheDamaged(f"page {node.page} is in the prefix tree twice")
            if not node.alive or len(node.key) < key_bytes:
                raise CacheDamaged(f"page {node.page} is out of place in the prefix tree")
            if not node.children and not node.queued:
                raise CacheDamaged(f"page {node.page} is a leaf that would never be given up")
            before = node.parent
            if before is not None and before is not self.root and self._holders(node) > self._holders(before):
                raise CacheDamaged(f"page {node.page} is used without the pages before it")
            pages.add(node.page)
        return pages

    def _holders(self, node: Node) -> int:
        return self._pool.references(node.page)

    def _remove(self, node: Node) -> None:
        parent = node.parent
        assert parent is not None
        del parent.children[node.key]
        node.parent = None
        self._pool.forget(node.page)
        if parent is not self.root and not parent.children:
            self._queue(parent)

    def _queue(self, node: Node) -> None:
        if not node.queued:
            self._order += 1
            node.queued = True
            heapq.heappush(self._leaves, (node.used, self._order, node))


def page_key(tokens: Sequence[int], first: int, images: Iterable[tuple[int, int, bytes]]) -> bytes:
    """What a page holds. ``first``: its first position; ``images``: (start, length, digest) of those that may touch it.

    Placeholder tokens are all alike, so that a page with some of an image also names the image, where the page lies in
    it and how long it is.
    """
    key = array("q", tokens).tobytes()
    for start, length, digest in images:
        if start < first + len(tokens) and first < start + length:
            key += (start - first).to_bytes(8, "little", signed=True) + length.to_bytes(8, "little") + digest
    return key
