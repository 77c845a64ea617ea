"""What somebody wants of a plan. Lengths in tokens; None: whatever is best."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from backend.errors import PlanRefused
from backend.planner.memory import CacheType
from backend.planner.shape import Model


class Wish(BaseModel):
    """``context``: the longest request. ``concurrency``: requests of that length in the cache at the same time."""

    model_config = ConfigDict(frozen=True)

    context: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    cache_type: CacheType = "auto"
    port: int = Field(default=30000, ge=1, le=65535)

    def check(self, model: Model) -> None:
        """Raises PlanRefused for a context that the model does not know."""
        if self.context is not None and self.context > model.shape.context:
            raise PlanRefused(
                f"{model.name} knows at most {model.shape.context:,} tokens of context, not {self.context:,}.",
                f"Ask for --context {model.shape.context} or less.",
            )

    @property
    def requests(self) -> int:
        """The least number of requests that must fit."""
        return self.concurrency or 1
