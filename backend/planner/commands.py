"""The exact commands of a plan. Every flag is one of SGLang 0.5.23."""

from __future__ import annotations

from backend.planner.candidates import Candidate, Group
from backend.planner.hardware import Node
from backend.planner.plan import NodeCommand
from backend.planner.shape import Model
from backend.planner.wish import Wish

RENDEZVOUS = 20000
"""Port on the first node over which the ranks of one copy find each other."""
ROCM = {"SGLANG_USE_AITER": "1", "SGLANG_ROCM_FUSED_DECODE_MLA": "0"}
"""Of the K2.6 recipe for AMD in SGLang's cookbook."""


def node_commands(
    model: Model, group: Group, nodes: tuple[Node, ...], chosen: Candidate, context: int, wish: Wish, local: bool
) -> list[NodeCommand]:
    """One command a node, server by server; nodes that are left over get none."""
    servers = len(nodes) // chosen.spans
    env = dict(ROCM) if group.gpu.vendor == "amd" and model.shape.attention == "mla" else {}
    words = _words(model, group, chosen, context)
    commands = []
    for server in range(servers):
        mine = nodes[server * chosen.spans : (server + 1) * chosen.spans]
        for rank, node in enumerate(mine):
            address = ["--host", "127.0.0.1" if local else "0.0.0.0", "--port", str(wish.port)]
            together = []
            if chosen.spans > 1:
                together = ["--nnodes", str(chosen.spans), "--node-rank", str(rank)]
                together += ["--dist-init-addr", f"{mine[0].host}:{RENDEZVOUS}"]
            argv = ["python", "-m", "sglang.launch_server", *words, *address, *together]
            commands.append(NodeCommand(rank=rank, host=node.host, argv=argv, env=env, replica=server))
    return commands


def _words(model: Model, group: Group, chosen: Candidate, context: int) -> list[str]:
    cut, budget = chosen.cut, chosen.budget
    words = ["--model-path", model.path, "--served-model-name", model.name, "--trust-remote-code"]
    words += ["--tp-size", str(cut.tensor)]
    if cut.expert > 1:
        words += ["--ep-size", str(cut.expert)]
    if cut.data > 1:
        words += ["--attn-dp-size", str(cut.data)]
    inside = group.gpus // cut.tensor if chosen.spans == 1 else 1
    if inside > 1:
        words += ["--dp-size", str(inside)]
    words += ["--context-length", str(context), "--mem-fraction-static", f"{budget.fraction:.3f}"]
    if budget.chunk is not None:
        words += ["--chunked-prefill-size", str(budget.chunk)]
    if budget.running is not None:
        words += ["--max-running-requests", str(budget.running)]
    if chosen.cache_type != "auto":
        words += ["--kv-cache-dtype", chosen.cache_type]
    if model.tools:
        words += ["--tool-call-parser", model.tools]
    if model.reasoning:
        words += ["--reasoning-parser", model.reasoning]
    return [*words, "--enable-metrics", "--enable-cache-report"]
