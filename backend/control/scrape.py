"""Reads an engine's Prometheus text into figures. Both engines use SGLang's names (0.5.23)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from backend.control.shapes import Figures

PREFIXES = ("sglang:", "sglang_")
"""The engine's, and what SGLang's router 0.3.2 makes of it when it passes on the figures of its copies."""
LARGEST_TEXT = 16 * 2**20  # bytes; a real one has some 100 KiB


def totals(text: str) -> dict[str, float]:
    """The sum over all labels of each metric, by its name without the prefix. Raises ValueError for other text."""
    summed: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(PREFIXES):
                name = sample.name[len(PREFIXES[0]) :]
                summed[name] = summed.get(name, 0.0) + sample.value
    return summed


def figures(found: dict[str, float], at: float, before: Figures | None) -> Figures:
    """Figures at a time in seconds. Rates come from the totals since ``before``; without one they are the engine's own.

    The rate of cache hits is of the tokens read since ``before``; where none were read it stays.
    """
    prompt, cached = int(found.get("prompt_tokens_total", 0)), int(found.get("cached_tokens_total", 0))
    generated = int(found.get("generation_tokens_total", 0))
    rates = _rates(prompt, generated, at, before)
    return Figures(
        at=at,
        tokens_per_s=found.get("gen_throughput", 0.0) if rates is None else rates[1],
        prompt_tokens_per_s=0.0 if rates is None else rates[0],
        running=int(found.get("num_running_reqs", 0)),
        queued=int(found.get("num_queue_reqs", 0)),
        cache_used_tokens=int(_first(found, ("num_used_tokens", "kv_used_tokens"))),
        cache_tokens=int(found.get("max_total_num_tokens", 0)),
        cache_hit_rate=_hits(prompt, cached, before),
        prompt_tokens=prompt,
        generated_tokens=generated,
        cached_tokens=cached,
        aborted=int(found.get("num_aborted_requests_total", 0)),
    )


def _rates(prompt: int, generated: int, at: float, before: Figures | None) -> tuple[float, float] | None:
    """Tokens a second, read and generated; None without a former moment of the same run."""
    if before is None or at <= before.at or generated < before.generated_tokens or prompt < before.prompt_tokens:
        return None
    seconds = at - before.at
    return (prompt - before.prompt_tokens) / seconds, (generated - before.generated_tokens) / seconds


def _hits(prompt: int, cached: int, before: Figures | None) -> float:
    """The part that was found in the cache of what was read since ``before``; nothing read, it stays as it was."""
    if before is None or prompt < before.prompt_tokens or cached < before.cached_tokens:
        return _part(cached, prompt)
    if prompt == before.prompt_tokens:
        return before.cache_hit_rate
    return _part(cached - before.cached_tokens, prompt - before.prompt_tokens)


def _part(some: int, whole: int) -> float:
    return min(1.0, some / whole) if whole else 0.0


def _first(found: dict[str, float], names: Iterable[str]) -> float:
    return next((found[name] for name in names if name in found), 0.0)
