"""How much of a GPU the weights, the KV cache and everything else take, under SGLang 0.5.23's own rules.

SGLang gives ``before * fraction - weights`` to the KV cache, where ``before`` is what is free before weights are loaded
and ``fraction`` is ``--mem-fraction-static``. The rules for the fraction are those of ``arg_groups/memory_hook.py``
in its wheel, so that a plan's fraction is the one that SGLang would choose, or a tighter one where that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backend.planner.gpu import GIB, MIB, Gpu
from backend.planner.shape import Shape

CacheType = Literal["auto", "bf16", "fp8_e4m3"]
ONE_GPU_OVERHEAD = 5 * GIB // 4
"""What ``nvidia-smi`` counts and no program gets, and CUDA's context."""
GROUP_OVERHEAD = 13 * GIB // 4
"""With several GPUs also NCCL's buffers: 3.1 GiB of an H200 were gone before loading at TP 8 (SGLang pull 11716)."""
VISION_HEADROOM = 8 * GIB
"""For running the image encoder, where the fraction is measured and not estimated (same file)."""
ROCM_FRACTION = 0.8
"""Of the K2.6 recipe for MI300X to MI355X in SGLang's cookbook."""
PREFILL_GRAPH_SIZES = (
    *range(4, 33, 4), *range(48, 257, 16), *range(288, 513, 32), *range(576, 1025, 64), *range(1280, 4097, 256),
    *range(4608, 16385, 512),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cut:
    """How one copy of the model is cut: over ``tensor`` GPUs, ``data`` groups for attention, ``expert`` for experts."""

    tensor: int
    data: int = 1
    expert: int = 1

    @property
    def heads_over(self) -> int:
        """Over how many GPUs the heads of attention are cut."""
        return self.tensor // self.data


@dataclass(frozen=True, slots=True)
class Budget:
    """What one GPU has. ``chunk``: tokens prefilled at once; ``running``: requests decoded at once, None for SGLang's
    own choice; ``tight``: less is kept in reserve than SGLang would by itself."""

    total: int
    before: int
    fraction: float
    chunk: int | None
    running: int | None
    tight: bool

    @property
    def static(self) -> int:
        """For weights and the KV cache together."""
        return int(self.before * self.fraction)


def placed(shape: Shape, cut: Cut) -> Iterator[tuple[str, int, int]]:
    """Kind of weight, its bytes, and over how many GPUs of the group it is cut; the rest of the group has copies."""
    ways = {
        "embedding": cut.heads_over,
        "head": cut.tensor,
        "attention": cut.heads_over,
        "key_value": min(cut.heads_over, shape.key_values),
        "dense": cut.tensor,
        "shared": cut.tensor,
        "experts": cut.tensor,
    }
    weights = shape.weights
    for kind in type(weights).model_fields:
        if kind != "unused":
            yield kind, getattr(weights, kind), ways.get(kind, 1)


def weights_of_gpu(shape: Shape, cut: Cut) -> int:
    """Bytes of weights on the fullest GPU, with MLA's up-projections a second time."""
    return sum(-(-size // ways) for _, size, ways in placed(shape, cut)) + -(-shape.absorbed // cut.heads_over)


def cache_bytes(cache_type: CacheType) -> int:
    """Bytes of one value in the KV cache."""
    return 1 if cache_type.startswith("fp8") else 2


def cache_per_token(shape: Shape, cut: Cut, cache_type: CacheType) -> int:
    """Bytes that one token keeps on a GPU. Under MLA that is the latent, whole on every GPU of a group."""
    if shape.attention == "mla":
        return shape.latent * shape.layers * cache_bytes(cache_type)
    heads = max(1, shape.key_values // cut.heads_over)
    return 2 * heads * shape.head * shape.layers * cache_bytes(cache_type)


def budgets(shape: Shape, gpu: Gpu, cut: Cut, running: int) -> list[Budget]:
    """What a GPU can give to weights and cache: by SGLang's own rule, then tight, for ``running`` requests at least."""
    before = gpu.memory - (GROUP_OVERHEAD if cut.tensor > 1 else ONE_GPU_OVERHEAD)
    if gpu.vendor == "amd" and shape.attention == "mla":
        return [Budget(gpu.memory, before, ROCM_FRACTION, None, None, tight=False)]
    usual = Budget(gpu.memory, before, _usual(shape, gpu, cut), None, None, tight=False)
    large = gpu.memory > 60 * GIB
    few = max(running, 64 if large else 16)
    chunk = 4096 if large else 2048
    reserve = _reserve(shape, gpu, cut, chunk, few) + (VISION_HEADROOM if shape.sees else 0)
    tight = Budget(gpu.memory, before, _fraction(gpu, reserve), chunk, few, tight=True)
    return [usual, tight]


def _usual(shape: Shape, gpu: Gpu, cut: Cut) -> float:
    chunk, graphs = _defaults(gpu, cut)
    fraction = _fraction(gpu, _reserve(shape, gpu, cut, chunk, graphs))
    if not shape.sees:
        return fraction
    complexity = shape.vision_layers * shape.vision_hidden**2 / (24 * 1024**2)
    return _down(fraction * 0.95 * max(0.8, min(1.05, 1 - 0.1 * (complexity - 1))))


def _defaults(gpu: Gpu, cut: Cut) -> tuple[int, int]:
    """SGLang's chunk of prefill and largest batch of decoding graphs, by the GPU's memory."""
    few = cut.tensor < 4
    for limit, chunk, small, large in (
        (20, 2048, 8, 8),
        (35, 4096, 48, 160),
        (60, 4096, 32, 160),
        (160, 8192, 256, 512),
    ):
        if gpu.memory < limit * GIB:
            return chunk, small if few else large
    return 16384, 512


def _reserve(shape: Shape, gpu: Gpu, cut: Cut, chunk: int, graphs: int) -> int:
    """Bytes for activations and graphs, by SGLang's estimate in MiB."""
    mib = 512 + max(chunk, 2048) * 1.5 + cut.tensor / 8 * 1024 + graphs * 2
    if cut.data > 1:
        mib += graphs * cut.data * (4.5 if graphs > 300 else 3)
    if shape.attention == "mla":
        mib += 1536
    else:
        mib += 8 * sum(size <= chunk for size in PREFILL_GRAPH_SIZES)
    if gpu.memory > 60 * GIB:
        mib = max(mib, 10 * 1024)
    return int(mib * MIB)


def _fraction(gpu: Gpu, reserve: int) -> float:
    return _down(max(0.0, (gpu.memory - reserve) / gpu.memory))


def _down(fraction: float) -> float:
    """To three places, never up."""
    return int(fraction * 1000) / 1000


def multimodal(shape: Shape, nodes: int) -> int:
    """Bytes for embeddings of images that SGLang takes off the KV cache: 100 MiB, and 1 GiB more across nodes."""
    return (100 + (1024 if nodes > 1 else 0)) * MIB if shape.sees else 0
