"""SGLang on CPUs, for tests: a plan of the CPU engine made into commands of SGLang, one for each node."""

from __future__ import annotations

from backend.planner.commands import RENDEZVOUS
from backend.planner.plan import NodeCommand, Plan

OPTIONS = (
    *("--device", "cpu", "--attention-backend", "torch_native", "--mem-fraction-static", "0.3"),
    "--sleep-on-idle",  # its scheduler would ask for work without a pause, and keep a core for it
)
MOST_TOKENS = 65_536
"""Of the cache."""
SAID = "No GPU was found here: SGLang runs on the CPU, which is for tests."


def on_cpu(plan: Plan, nodes: int) -> Plan:
    """The plan for SGLang, with its context and cache; over several nodes, each holds one part of every tensor."""
    layout = plan.layout.model_copy(update={"nodes": nodes, "tensor": nodes})
    commands = [_command(plan, rank, nodes) for rank in range(nodes)]
    assumptions = [one for one in plan.assumptions if "CPU engine" not in one]
    warnings = [SAID, *plan.warnings] if len(assumptions) < len(plan.assumptions) else plan.warnings
    new = {"engine": "sglang", "layout": layout, "commands": commands, "warnings": warnings, "assumptions": assumptions}
    return plan.model_copy(update=new)


def _command(plan: Plan, rank: int, nodes: int) -> NodeCommand:
    words = ["python", "-m", "sglang.launch_server", "--model-path", plan.model_path, "--trust-remote-code", *OPTIONS]
    words += ["--context-length", str(plan.context), "--max-total-tokens", str(min(plan.cache_tokens, MOST_TOKENS))]
    words += ["--tool-call-parser", "kimi_k2", "--reasoning-parser", "kimi_k2", "--enable-metrics"]
    words += ["--enable-cache-report"]
    if nodes > 1:
        words += ["--tp-size", str(nodes), "--nnodes", str(nodes), "--node-rank", str(rank)]
        words += ["--dist-init-addr", f":{RENDEZVOUS}"]  # whoever orders says at which host
    return NodeCommand(rank=rank, argv=words)
