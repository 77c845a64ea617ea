"""How much one engine takes on at once; the command line and the tests set it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the scheduler. Raises ValueError for bounds under which some request would never move."""

    max_running: int = 64
    """Most sequences in one forward pass."""
    max_queued: int = 1024
    """Most requests that wait; one more is refused with 429."""
    max_queued_tokens: int = 2**23
    """Most prompt tokens of all requests together, so that a queue of long prompts cannot fill the memory either."""
    step_tokens: int = 512
    """Most tokens in one forward pass: running answers go first, prompts are read with what is left of it. Longer
    steps read prompts faster and make the others' answers stutter more; a cancel waits for one step at most."""
    reserve_tokens: int = 128
    """Room for this much more of each answer is kept free when another request is let in (less if it asks for less)."""
    logit_bytes: int = 2**27
    """Most bytes of logits for one piece of a prompt whose log-probabilities are asked for."""
    share_prefixes: bool = True
    """False: every prompt is computed anew. For comparisons."""
    failures: int = 3
    """After this many failed steps in a row the engine stops."""
    grammar_bytes: int = 2**19
    """Longest grammar, in bytes as written."""

    def __post_init__(self) -> None:
        for name in ("max_running", "max_queued", "max_queued_tokens", "logit_bytes", "failures", "grammar_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.reserve_tokens < 0:
            raise ValueError(f"reserve_tokens is {self.reserve_tokens}: it cannot be negative")
        if self.step_tokens <= self.max_running:
            raise ValueError(
                f"step_tokens is {self.step_tokens}: it must be more than max_running ({self.max_running}), or prompts "
                "would wait for ever behind running answers"
            )
