"""The engine's figures under SGLang's names, so that whatever watches SGLang watches this engine as well."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from backend.api.figures import Buckets
from backend.api.service import Service
from backend.engine.stats import Stats

PREFIX = "sglang:"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HELP = "As SGLang's of the same name."


def text_of(service: Service) -> bytes:
    """All metrics, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Collector(service))
    return generate_latest(registry)


class _Collector:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._labels = {"model_name": service.model.name, "engine_type": "unified", "tp_rank": "0"}

    def collect(self) -> Iterator[Metric]:
        stats = self._service.stats()
        for name, total in _counters(stats, self._service.figures.cut).items():
            counter = CounterMetricFamily(PREFIX + name, _HELP, labels=list(self._labels))
            counter.add_metric(list(self._labels.values()), total)
            yield counter
        for name, value in (_gauges(stats) | self._own()).items():
            gauge = GaugeMetricFamily(PREFIX + name, _HELP, labels=list(self._labels))
            gauge.add_metric(list(self._labels.values()), value)
            yield gauge
        for name, buckets in self._histograms().items():
            histogram = HistogramMetricFamily(PREFIX + name, _HELP, labels=list(self._labels))
            histogram.add_metric(list(self._labels.values()), buckets.cumulative(), buckets.total)
            yield histogram

    def _own(self) -> dict[str, float]:
        model = self._service.model
        return {"context_len": model.context, "startup_time_seconds": model.load_seconds, "uptime_seconds": self._age()}

    def _age(self) -> float:
        return time.time() - self._service.started

    def _histograms(self) -> dict[str, Buckets]:
        figures = self._service.figures
        return {
            "time_to_first_token_seconds": figures.times["time_to_first_token"],
            "inter_token_latency_seconds": figures.times["inter_token"],
            "e2e_request_latency_seconds": figures.times["end_to_end"],
            "queue_time_seconds": figures.times["queue_time"],
            "prompt_tokens_histogram": figures.prompt_tokens,
            "generation_tokens_histogram": figures.generated_tokens,
        }


def _counters(stats: Stats, cut: int) -> dict[str, float]:
    """Their names end in ``_total``, which the text format adds. ``cut``: ended at a stop string, not aborted."""
    return {
        "prompt_tokens": stats.prompt_tokens,
        "generation_tokens": stats.generated_tokens,
        "cached_tokens": stats.cached_tokens,
        "num_requests": stats.requests,
        "num_aborted_requests": max(0, stats.aborted - cut),
        "num_failed_requests": stats.failed,
        "num_retracted_requests": stats.preempted,
        "evicted_tokens": stats.evicted_tokens,
        "prefill_effective_tokens": stats.computed_tokens,
        "forward_passes": stats.steps,
    }


def _gauges(stats: Stats) -> dict[str, float]:
    free = stats.total_tokens - stats.used_tokens - stats.kept_tokens
    share = stats.used_tokens / stats.total_tokens if stats.total_tokens else 0.0
    return {
        "num_running_reqs": stats.running,
        "num_queue_reqs": stats.waiting,
        "num_used_tokens": stats.used_tokens,
        "kv_used_tokens": stats.used_tokens,
        "kv_evictable_tokens": stats.kept_tokens,
        "kv_available_tokens": free,
        "max_total_num_tokens": stats.total_tokens,
        "token_usage": share,
        "full_token_usage": share,
        "cache_hit_rate": stats.cache_hit_rate,
        "gen_throughput": stats.tokens_per_second,
    }
