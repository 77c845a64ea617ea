"""Why nothing fits, in numbers, and the nearest plan that does."""

from __future__ import annotations

from collections.abc import Iterator

from backend.errors import PlanRefused
from backend.planner.candidates import Candidate, Group, best, candidates, longest
from backend.planner.gpu import CATALOGUE, GIB
from backend.planner.hardware import Node
from backend.planner.layout import unfit, wrong
from backend.planner.memory import Cut
from backend.planner.scheme import int4
from backend.planner.shape import FP8, Model, Scheme, Shape, Weights
from backend.planner.wish import Wish

KTRANSFORMERS_VRAM = 48 * GIB * 95 // 100  # "48 GB" of two cards, as their driver counts them
KTRANSFORMERS_RAM = 600 * 10**9
K2_CLASS = 300 * 10**9  # bytes of INT4 weights from which its experts are worth keeping in RAM


def refuse(model: Model, group: Group, nodes: tuple[Node, ...], found: list[Candidate], wish: Wish) -> PlanRefused:
    """The refusal for one group of nodes: the reason, and what would fit."""
    hints = list(_hints(model, group, nodes, found, wish))
    return PlanRefused(_reason(model, group, found, wish), " ".join(hints) or "Take more or larger GPUs.")


def _reason(model: Model, group: Group, found: list[Candidate], wish: Wish) -> str:
    where = f"{model.name} does not fit on {_name(group)}"
    if unfit(group.gpu):
        return f"{model.name} cannot run on {group.gpu.name}: {unfit(group.gpu)}"
    if not found:
        return f"{where}: {wrong(model.shape, group.gpu, Cut(1))}."
    roomiest = max(found, key=lambda one: one.cache)
    if roomiest.cache <= 0:
        return (
            f"{where}: of its {model.shape.weights.loaded / GIB:.1f} GiB of weights {roomiest.weights / GIB:.1f} GiB "
            f"lie on each GPU (TP {roomiest.cut.tensor}), and of {roomiest.budget.total / GIB:.1f} GiB there are "
            f"{roomiest.budget.static / GIB:.1f} GiB for weights and cache; the rest is for activations and graphs."
        )
    most = max(found, key=lambda one: one.all_tokens)
    context = wish.context or model.shape.context
    return (
        f"{where} with {wish.requests} x {context:,} tokens: the KV cache holds {most.all_tokens:,} tokens in all "
        f"({most.cache / GIB:.1f} GiB on each GPU, {most.per_token:,} bytes a token, TP {most.cut.tensor}"
        f"{f', attention by data {most.cut.data}' if most.cut.data > 1 else ''}), "
        f"at most {max(one.requests(context) for one in found)} such requests."
    )


def _hints(model: Model, group: Group, nodes: tuple[Node, ...], found: list[Candidate], wish: Wish) -> Iterator[str]:
    yield from _less(model, found, wish)
    if not unfit(group.gpu):
        yield from _more(model, group, wish)
    yield from _smaller(model, group, wish)
    yield from _other(model, group, wish)
    if all(one.cache <= 0 for one in found):
        yield from _ktransformers(model, group, nodes)


def _less(model: Model, found: list[Candidate], wish: Wish) -> Iterator[str]:
    context = min(wish.context or model.shape.context, model.shape.context)
    most = max((one.requests(context) for one in found), default=0)
    if 0 < most < wish.requests:
        yield f"It fits with --concurrency {most} at this context."
    shorter = longest(found, wish.requests, context)
    if shorter is not None and shorter[1] < context:
        yield f"It fits with --context {shorter[1]} and {wish.requests} at a time."


def _more(model: Model, group: Group, wish: Wish) -> Iterator[str]:
    """The fewest GPUs of the same kind that hold it."""
    per_node = max(group.gpus, 8) if group.gpu.name not in ("GB200", "GB300") else group.gpus
    for size, count in [(size, 1) for size in (2, 4, 8) if size > group.gpus] + [
        (per_node, n) for n in (2, 3, 4, 6, 8)
    ]:
        bigger = Group(group.gpu, count, size)
        if size * count > group.gpus * group.nodes and _fits(model.shape, bigger, wish):
            yield f"It fits on {_name(bigger)}."
            return


def _other(model: Model, group: Group, wish: Wish) -> Iterator[str]:
    """The smallest other kind of GPU of which as many hold it."""
    kinds = sorted((gpu for gpu in CATALOGUE.values() if gpu.memory > group.gpu.memory), key=lambda gpu: gpu.memory)
    for gpu in kinds:
        if gpu.vendor == group.gpu.vendor and _fits(
            model.shape, Group(gpu, group.nodes, group.gpus), wish, easily=True
        ):
            yield f"Or on {_name(Group(gpu, group.nodes, group.gpus))}."
            return


def _smaller(model: Model, group: Group, wish: Wish) -> Iterator[str]:
    """Other quantizations of the same model that fit on the same GPUs, by their weight in bytes."""
    ours = model.shape.attention == "mla"
    for scheme in (FP8, int4(32, experts_only=True) if ours else int4(128, symmetric=False)):
        shape = requantized(model.shape, scheme)
        if shape is None or (scheme is FP8 and 0 < group.gpu.capability < 89):
            continue
        any_length = wish.model_copy(update={"context": None})
        if _fits(shape, group, wish) or (wish.context is None and _fits(shape, group, any_length)):
            made = " (`python -m backend quantize` makes it)" if ours and scheme.is_int4 else ""
            size = f"{shape.weights.loaded / GIB:.1f} GiB"
            yield f"Its {scheme.name} version, about {size}, fits on {_name(group)}{made}."


def requantized(shape: Shape, scheme: Scheme) -> Shape | None:
    """The same model with its linear layers stored another way; None if that is not smaller."""
    if scheme.expert_bits >= shape.scheme.expert_bits:
        return None
    other, expert = scheme.bits / shape.scheme.bits, scheme.expert_bits / shape.scheme.expert_bits
    weights = shape.weights
    changed = {name: int(getattr(weights, name) * other) for name in ("attention", "key_value", "dense", "shared")}
    changed["experts"] = int(weights.experts * expert)
    return shape.model_copy(
        update={"scheme": scheme, "weights": Weights(**{**weights.model_dump(), **changed, "unused": 0})}
    )


def _fits(shape: Shape, group: Group, wish: Wish, *, easily: bool = False) -> bool:
    found = [one for one in candidates(shape, group, wish) if not (easily and one.budget.tight)]
    if wish.context is None:
        return longest(found, wish.requests, shape.context) is not None
    return best(found, wish.context, wish.requests) is not None


def _ktransformers(model: Model, group: Group, nodes: tuple[Node, ...]) -> Iterator[str]:
    """The way out for K2-class models on small GPUs: experts in RAM, by KTransformers' guide for Kimi-K2.5."""
    shape = model.shape
    if not shape.scheme.is_int4 or shape.attention != "mla" or shape.weights.loaded < K2_CLASS:
        return
    if group.gpu.vendor != "nvidia" or unfit(group.gpu) or group.gpus * group.gpu.memory < KTRANSFORMERS_VRAM:
        return
    node = nodes[0]
    ram = "" if node.ram is None else f" (this node has {node.ram / 10**9:.0f} GB)"
    cpu = {None: "", True: " (this node's has)", False: " (this node's has not)"}[node.avx512]
    yield (
        f"Or with KTransformers (kt-kernel and sglang-kt), which keeps experts in RAM, on one node: it wants "
        f"{KTRANSFORMERS_RAM // 10**9} GB of RAM{ram}, a CPU with AVX512F{cpu}, 48 GB of GPU memory, 600 GB of disk; "
        f"some tens of tokens a second."
    )


def _name(group: Group) -> str:
    cards = f"{group.gpus} x {group.gpu.name}"
    return cards if group.nodes == 1 else f"{group.nodes} nodes of {cards}"
