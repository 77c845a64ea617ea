"""The pages of the cache: which are free, and how many hold on to each of the others."""

from __future__ import annotations

from collections.abc import Iterable


class CacheDamaged(Exception):
    """The books of the cache do not agree: a fault of this program, never of a request."""


class PagePool:
    """Counts references. A page is free (none), in use, or idle: only kept by the prefix tree, to be had if needed."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count - 1, -1, -1))
        self._references = [0] * count
        self._kept = [False] * count
        self._idle = 0

    @property
    def free(self) -> int:
        """Pages that nobody holds."""
        return len(self._free)

    @property
    def idle(self) -> int:
        """Pages that only the prefix tree holds."""
        return self._idle

    @property
    def used(self) -> int:
        """Pages that sequences hold."""
        return self.count - self.free - self.idle

    def references(self, page: int) -> int:
        """How many hold ``page``, the prefix tree included."""
        return self._references[page]

    def take(self, count: int) -> list[int]:
        """``count`` free pages, each with one reference. Raises CacheDamaged when there are not so many: ask first."""
        if count > len(self._free):
            raise CacheDamaged(f"{count} pages asked for, {len(self._free)} free")
        taken = [self._free.pop() for _ in range(count)]
        for page in taken:
            self._references[page] = 1
        return taken

    def share(self, pages: Iterable[int]) -> None:
        """One more holds these, which are held already."""
        for page in pages:
            self._need_held(page)
            self._idle -= self._is_idle(page)
            self._references[page] += 1

    def release(self, pages: Iterable[int]) -> None:
        """One fewer holds these; those that nobody holds are free."""
        for page in pages:
            self._need_held(page)
            self._references[page] -= 1
            self._idle += self._is_idle(page)
            if not self._references[page]:
                self._free.append(page)

    def keep(self, page: int) -> None:
        """The prefix tree holds it too."""
        if self._kept[page]:
            raise CacheDamaged(f"page {page} is kept twice")
        self.share([page])
        self._kept[page] = True

    def forget(self, page: int) -> None:
        """The prefix tree lets go of it."""
        if not self._kept[page]:
            raise CacheDamaged(f"page {page} is forgotten but not kept")
        self._idle -= self._is_idle(page)
        self._kept[page] = False
        self.release([page])

    def audit(self, held: dict[int, int], kept: set[int]) -> None:
        """Raises CacheDamaged unless ``held`` (page to holders among sequences) and ``kept`` explain every count."""
        for page in range(self.count):
            expected = held.get(page, 0) + (page in kept)
            if self._references[page] != expected or self._kept[page] != (page in kept):
                raise CacheDamaged(f"page {page} has {self._references[page]} references, {expected} are accounted for")
        free = sum(not references for references in self._references)
        if (
            free != len(self._free)
            or len(set(self._free)) != free
            or any(self._references[page] for page in self._free)
        ):
            raise CacheDamaged(f"{len(self._free)} pages are listed as free, {free} are")
        idle = sum(self._is_idle(page) for page in range(self.count))
        if idle != self._idle:
            raise CacheDamaged(f"{self._idle} pages are counted as idle, {idle} are")

    def _is_idle(self, page: int) -> bool:
        return self._kept[page] and self._references[page] == 1

    def _need_held(self, page: int) -> None:
        if not self._references[page]:
            raise CacheDamaged(f"page {page} is free and cannot be shared or released")
