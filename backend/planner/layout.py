"""Which ways of cutting a model over GPUs are possible: what must divide what, and what each GPU's kernels ask."""

from __future__ import annotations

from collections.abc import Iterator

from backend.planner.gpu import Gpu
from backend.planner.memory import Cut
from backend.planner.shape import Shape

LEAST_CAPABILITY = 80
"""Ampere. Marlin, which computes INT4 experts, asks for it, and SGLang's kernels are built from there on."""
ROCM_HEADS = 16
"""MLA on ROCm computes heads in sixteens: K2.6's 64 heads go on at most 4 GPUs (SGLang's cookbook)."""
MARLIN_TILE = 64
"""The least width of an expert's inner side that Marlin computes (``marlin_utils.py`` of SGLang)."""


def unfit(gpu: Gpu) -> str:
    """Why SGLang cannot run on this GPU at all, "" if it can."""
    if gpu.vendor == "nvidia" and gpu.capability < LEAST_CAPABILITY:
        return (
            f"{gpu.name} has compute capability {gpu.capability / 10:.1f}; "
            f"{LEAST_CAPABILITY / 10:.1f} (Ampere) is the least that is served."
        )
    return ""


def runner(shape: Shape, gpu: Gpu) -> str:
    """The mixture-of-experts backend that SGLang 0.5.23 chooses by itself ("auto"), "" for a dense model."""
    if not shape.experts:
        return ""
    if gpu.vendor == "amd":
        return "triton" if shape.scheme.is_int4 else "triton or aiter"
    kimi_int4 = shape.scheme.is_int4 and shape.scheme.group == 32
    if gpu.is_data_centre_blackwell and shape.attention == "mla" and (kimi_int4 or not shape.scheme.is_int4):
        return "flashinfer_trtllm"
    return "marlin" if shape.scheme.is_int4 else "chosen by SGLang"


def wrong(shape: Shape, gpu: Gpu, cut: Cut) -> str:
    """What does not divide under this cut, in numbers; "" if all does."""
    heads = cut.heads_over
    if cut.tensor % cut.data or shape.heads % heads:
        return f"{shape.heads} heads of attention do not go on {heads} GPUs"
    if gpu.vendor == "amd" and shape.attention == "mla" and (shape.heads // heads) % ROCM_HEADS:
        return f"{shape.heads // heads} heads a GPU is no multiple of {ROCM_HEADS}, which ROCm asks for"
    if gpu.vendor == "amd" and cut.data > 1:
        return "attention by data is not tried on ROCm"
    if shape.attention == "gqa" and shape.key_values % heads and heads % shape.key_values:
        return f"{shape.key_values} heads of keys do not go on {heads} GPUs"
    if shape.inner % cut.tensor:
        return f"a dense layer's width {shape.inner} does not go on {cut.tensor} GPUs"
    return _wrong_experts(shape, cut) if shape.experts else ""


def _wrong_experts(shape: Shape, cut: Cut) -> str:
    if shape.experts % cut.expert or cut.tensor % cut.expert:
        return f"{shape.experts} experts do not go on {cut.expert} GPUs"
    over = cut.tensor // cut.expert
    inner, rest = divmod(shape.expert_inner, over)
    tile = max(MARLIN_TILE, shape.scheme.group or 0) if shape.scheme.is_int4 else shape.scheme.block or 1
    if rest or (over > 1 and inner % tile):
        return f"an expert's width {shape.expert_inner} over {over} GPUs is no multiple of {tile} ({shape.scheme.name})"
    return ""


def cuts(shape: Shape, gpu: Gpu, tensor: int) -> Iterator[Cut]:
    """The possible cuts over ``tensor`` GPUs: experts cut where that divides, else dealt out whole; attention together,
    then by data."""
    for data in (size for size in range(1, tensor + 1) if tensor % size == 0):
        for expert in dict.fromkeys((1, tensor)):
            cut = Cut(tensor, data, expert)
            if not wrong(shape, gpu, cut):
                yield cut
                break
