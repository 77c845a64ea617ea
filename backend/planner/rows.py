"""The plan as a table for people. Sizes are printed in GiB (2**30 bytes), as drivers count."""

from __future__ import annotations

from collections.abc import Iterator

from backend.planner.candidates import Candidate, Group
from backend.planner.gpu import GIB, MIB
from backend.planner.layout import runner
from backend.planner.plan import Row
from backend.planner.shape import Model


def gib(size: int) -> str:
    """``554.3 GiB``; small sizes with two places, tiny ones in MiB."""
    if size < GIB // 10:
        return f"{size / MIB:.1f} MiB"
    return f"{size / GIB:.1f} GiB" if size >= 10 * GIB else f"{size / GIB:.2f} GiB"


def rows(model: Model, hardware: str, group: Group, chosen: Candidate, context: int) -> list[Row]:
    """The table of a plan on GPUs."""
    return list(_rows(model, hardware, group, chosen, context))


def _rows(model: Model, hardware: str, group: Group, chosen: Candidate, context: int) -> Iterator[Row]:
    shape, budget = model.shape, chosen.budget
    yield Row(label="model", value=model.name, note=f"{shape.architecture}, {shape.scheme.name}")
    yield Row(label="weights", value=gib(shape.weights.loaded), note=_copied(chosen, shape.weights.loaded))
    yield Row(label="hardware", value=hardware, note=f"{gib(group.gpu.memory)} a GPU")
    yield Row(label="layout", value=_layout(chosen), note=_copies(chosen))
    if shape.experts:
        yield Row(
            label="experts", value=runner(shape, group.gpu), note="mixture-of-experts backend that SGLang chooses"
        )
    yield Row(label="weights a GPU", value=gib(chosen.weights))
    shared = " (MLA latent, the same on every GPU of a group)" if shape.attention == "mla" else ""
    yield Row(label="cache a token", value=f"{chosen.per_token:,} bytes", note=f"{_cache_type(chosen)}{shared}")
    yield Row(label="cache a GPU", value=gib(chosen.cache), note=f"{chosen.tokens:,} tokens")
    rest = budget.total - budget.static + chosen.images
    yield Row(
        label="kept free",
        value=gib(rest),
        note=f"activations, graphs, NCCL; --mem-fraction-static {budget.fraction:.3f}",
    )
    yield Row(label="context", value=f"{context:,} tokens", note=f"the model's own: {shape.context:,}")
    yield Row(
        label="at a time",
        value=f"{chosen.requests(context)} requests of that length",
        note=f"{chosen.all_tokens:,} different tokens in all; common beginnings count once",
    )


def _layout(chosen: Candidate) -> str:
    cut = chosen.cut
    words = [f"TP {cut.tensor}"]
    if cut.expert > 1:
        words.append(f"EP {cut.expert}")
    if cut.data > 1:
        words.append(f"attention DP {cut.data}")
    if chosen.spans > 1:
        words.append(f"over {chosen.spans} nodes")
    return ", ".join(words)


def _copies(chosen: Candidate) -> str:
    return "one copy of the model" if chosen.copies == 1 else f"{chosen.copies} copies of the model"


def _copied(chosen: Candidate, loaded: int) -> str:
    more = chosen.weights * chosen.cut.tensor - loaded
    return f"{gib(more)} more a copy for what lies on several GPUs" if more > 0 and chosen.cut.tensor > 1 else ""


def _cache_type(chosen: Candidate) -> str:
    return "bf16" if chosen.cache_type == "auto" else chosen.cache_type
