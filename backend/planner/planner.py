"""From a model and hardware to a plan, or to a refusal with its reason."""

from __future__ import annotations

from backend.errors import PlanRefused
from backend.planner.candidates import Candidate, Group, best, candidates, longest
from backend.planner.commands import node_commands
from backend.planner.cpu import plan_cpu
from backend.planner.hardware import Hardware, Node
from backend.planner.layout import unfit
from backend.planner.plan import Layout, Memory, Plan
from backend.planner.refusal import refuse
from backend.planner.rows import gib, rows
from backend.planner.shape import Model
from backend.planner.wish import Wish

SGLANG = "0.5.23"
LEAST_FP8 = 89


def make_plan(model: Model, hardware: Hardware, wish: Wish | None = None) -> Plan:
    """The plan for a model on this hardware. Raises PlanRefused, with the reason in numbers and what would fit."""
    wish = wish or Wish()
    wish.check(model)
    groups = hardware.groups()
    if not groups:
        return plan_cpu(model, hardware, wish)
    refusals = []
    for nodes in groups:
        try:
            return _plan_group(model, hardware, nodes, wish)
        except PlanRefused as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _plan_group(model: Model, hardware: Hardware, nodes: tuple[Node, ...], wish: Wish) -> Plan:
    gpu = nodes[0].gpu
    assert gpu is not None
    group = Group(gpu, len(nodes), nodes[0].gpus)
    if wish.cache_type == "fp8_e4m3" and gpu.vendor == "nvidia" and gpu.capability < LEAST_FP8 and not unfit(gpu):
        raise PlanRefused(
            f"{gpu.name} has compute capability {gpu.capability / 10:.1f}; an FP8 cache wants {LEAST_FP8 / 10:.1f}.",
            "Leave out --kv-dtype.",
        )
    found = list(candidates(model.shape, group, wish))
    chosen, context = _choose(model, found, wish)
    if chosen is None:
        raise refuse(model, group, nodes, found, wish)
    return _plan(model, hardware, nodes, group, chosen, context, wish)


def _choose(model: Model, found: list[Candidate], wish: Wish) -> tuple[Candidate | None, int]:
    """The layout and its context: the wished one, or the model's own, or the longest that fits."""
    context = wish.context or model.shape.context
    chosen = best(found, context, wish.requests)
    if chosen is None and wish.context is None:
        shorter = longest(found, wish.requests, context)
        if shorter is not None:
            return shorter
    return chosen, context


def _plan(
    model: Model, hardware: Hardware, nodes: tuple[Node, ...], group: Group, chosen: Candidate, context: int, wish: Wish
) -> Plan:
    cut, budget = chosen.cut, chosen.budget
    used = nodes[: len(nodes) // chosen.spans * chosen.spans]
    return Plan(
        model=model.name,
        model_path=model.path,
        architecture=model.shape.architecture,
        hardware=hardware.describe(),
        weight_bytes=model.shape.weights.loaded,
        context=context,
        concurrency=chosen.requests(context),
        cache_tokens=chosen.all_tokens,
        layout=Layout(
            tensor=cut.tensor,
            attention_data=cut.data,
            expert=cut.expert,
            nodes=chosen.spans,
            gpus_per_node=group.gpus,
            replicas=chosen.copies,
        ),
        memory=Memory(
            total=budget.total,
            weights=chosen.weights,
            cache=chosen.tokens * chosen.per_token,
            reserve=budget.total - budget.static + chosen.images,
            cache_per_token=chosen.per_token,
        ),
        commands=node_commands(model, group, used, chosen, context, wish, hardware.local),
        rows=rows(model, hardware.describe(), group, chosen, context),
        warnings=_warnings(model, hardware, nodes, used, group, chosen, context),
        assumptions=_assumptions(model),
    )


def _assumptions(model: Model) -> list[str]:
    return [
        f"SGLang {SGLANG}; its own rules for --mem-fraction-static decide what is kept for activations and graphs.",
        "CUDA's context and NCCL take 1.25 GiB of a single GPU and 3.25 GiB of each GPU in a group.",
        *model.notes,
    ]


def _warnings(
    model: Model, hardware: Hardware, nodes: tuple[Node, ...], used: tuple[Node, ...], group: Group, chosen: Candidate,
    context: int,
) -> list[str]:  # fmt: skip
    found = list(hardware.notes)
    if context < model.shape.context:
        found.append(f"The context is {context:,} tokens and not the model's {model.shape.context:,}.")
    if chosen.budget.tight:
        found.append(
            f"It fits tightly: prefill goes in smaller chunks, and {chosen.budget.running} requests run at once. "
            "Should memory run out, lower --mem-fraction-static by 0.02 and --context-length with it."
        )
    if chosen.spans > 1 and hardware.interconnect not in ("infiniband", "roce", "nvlink"):
        found.append(
            "One copy spans nodes: that wants InfiniBand, RoCE or NVLink between them; Ethernet makes it slow."
        )
    if chosen.spans > 1:
        found.append(
            "--dist-init-addr must name the first node by an address that the others reach; "
            "every node needs the checkpoint at the same path. No recipe for K2.6 on several nodes was found."
        )
    if len(used) > chosen.spans:
        found.append(f"{len(used) // chosen.spans} servers: put SGLang's router before them.")
    if len(used) < len(nodes):
        found.append(f"{len(nodes) - len(used)} of {len(nodes)} nodes are left over.")
    if chosen.spans == 1 and group.gpus % chosen.cut.tensor:
        found.append(f"{group.gpus % chosen.cut.tensor} of {group.gpus} GPUs of a node stay idle.")
    if len(hardware.groups()) > 1:
        found.append("The nodes are of several kinds; only one kind is planned with.")
    if model.shape.scheme.is_int4 and group.gpu.vendor == "nvidia" and not group.gpu.is_data_centre_blackwell:
        found.append(
            "INT4 experts are repacked by a kernel compiled at first use: nvcc and a C++ compiler must be there."
        )
    idle = sum(node.ram is not None and node.ram < model.shape.weights.loaded // 4 for node in used)
    if idle:
        found.append(
            f"{idle} node(s) have little RAM beside {gib(model.shape.weights.loaded)} of weights; loading is slow."
        )
    return found
