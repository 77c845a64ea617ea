"""What the scheduler has done since it was made: totals that only ever grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """In tokens where nothing else is said."""

    requests: int = 0
    """Requests that came."""
    prompt_tokens: int = 0
    """Of prompts that have been read, those from the cache included."""
    cached_tokens: int = 0
    """Of these, the ones that were in the cache."""
    computed_tokens: int = 0
    """That the model ran over: prompts, answers, and whatever had to be computed again."""
    generated_tokens: int = 0
    aborted: int = 0
    """Requests that were cancelled."""
    failed: int = 0
    """Requests that ended with an error."""
    preempted: int = 0
    """Times that a sequence gave up its pages to others."""
    steps: int = 0
    """Forward passes."""
