"""What somebody wants of a plan. Lengths in tokens; None: whatever is best."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from backend.planner.memory import CacheType


class Wish(BaseModel):
    """``context``: the longest request. ``concurrency``: requests of that length in the cache at the same time."""

    model_config = ConfigDict(frozen=True)

    context: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    cache_type: CacheType = "auto"
    port: int = Field(default=30000, ge=1, le=65535)

    @property
    def requests(self) -> int:
        """The least number of requests that must fit."""
        return self.concurrency or 1
