"""SGLang's own router before several copies of a model: requests of one conversation go where its prefix is cached."""

from __future__ import annotations

from pathlib import Path

from backend.planner.plan import NodeCommand
from backend.supervisor.launch import Launch, launch, option

READY, METRICS = "/readiness", "/engine_metrics"
POLICY = "cache_aware"
LEFT_OUT = (
    *("--cb-failure-threshold", "3", "--cb-timeout-duration-secs", "5", "--cb-success-threshold", "1"),
    *("--health-check-endpoint", "/ready", "--health-check-interval-secs", "10"),
)
"""A copy that fell is left out within one request's five attempts and tried again after 5 s; as the router comes, that
takes ten failures, and requests whose prefix it held fail meanwhile. Its ``/health`` would be slow where it is busy."""
ENDS_S = 5.0
"""How long it may take after its last request."""


def router(
    workers: list[str],
    python: Path,
    folder: Path,
    *,
    host: str,
    port: int,
    metrics_port: int,
    api_key: str = "",
    drain_s: float = 60.0,
) -> Launch:
    """The router's launch. ``workers`` are roots such as http://10.0.0.2:30000; all want the same key.

    The router passes on the key that a client sends, and the workers check it; its own is for asking them about
    themselves. ``metrics_port`` is for its own figures, on this machine alone; the workers' come from ``METRICS``.
    """
    words = ["python", "-m", "sglang_router.launch_router", "--host", host, "--port", str(port), "--policy", POLICY]
    words += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics_port)]
    words += ["--worker-startup-timeout-secs", "600", "--request-timeout-secs", "86400"]
    words += ["--log-level", "warn"]  # at "info" it writes two lines for every request, the control's own too
    words += LEFT_OUT
    words += ["--shutdown-grace-period-secs", str(max(1, round(drain_s))), "--worker-urls", *workers]
    plain = launch(NodeCommand(rank=0, argv=words), python, folder, api_key=api_key, drain_s=drain_s + ENDS_S)
    return plain.at(READY, METRICS)


def copies(command: NodeCommand, count: int, ports: list[int], gpus: int) -> list[NodeCommand]:
    """Commands of copies on this machine, which answer this machine alone, each with ``gpus`` GPUs of its own."""
    found = []
    for number, port in enumerate(ports[:count]):
        argv = replaced(replaced(command.argv, "--port", str(port)), "--host", "127.0.0.1")
        if gpus:
            argv = replaced(argv, "--base-gpu-id", str(number * gpus))
        found.append(command.model_copy(update={"argv": argv, "replica": number}))
    return found


def replaced(argv: list[str], name: str, value: str) -> list[str]:
    """The argument list with an option's value set; it is added where it is missing."""
    if not option(argv, name):
        return [*argv, name, value]
    at = next(number for number, word in enumerate(argv) if word == name or word.startswith(f"{name}="))
    return [*argv[:at], name, value, *argv[at + (2 if argv[at] == name else 1) :]]
