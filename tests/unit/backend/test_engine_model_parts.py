"""The parts of the engine's model: INT4 to the bit, rotary positions, routing, and images in their places."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from engine_model_kit import checkpoint, loaded, pages, yardstick

from backend.checkpoint.config import TextConfig, read_config
from backend.checkpoint.int4 import dequantize, pack, quantize
from backend.engine.model.compiler import compiled
from backend.engine.model.experts import Router
from backend.engine.model.images import Images
from backend.engine.model.int4 import Int4Linear
from backend.engine.model.native import Native
from backend.engine.model.rope import Rope, attention_scale
from backend.engine.request import ImageSpan, Piece


def _matrix(out: int, width: int, group: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Packed weights and scales, every nibble among them, 0 too: quantizing alone never makes that one."""
    generator = torch.Generator().manual_seed(out + width + group)
    nibbles, scale = quantize(torch.randn(out, width, generator=generator), group)
    nibbles.view(-1)[:16] = torch.arange(16, dtype=torch.uint8)
    return pack(nibbles), scale


def _native() -> Native:
    library = compiled()
    assert library is not None
    text = read_config(checkpoint("default", True)).text
    native: Native = object.__new__(Native)
    native.__dict__.update(_library=library, text=text)
    return native


matrices = pytest.mark.parametrize(
    ("out", "width", "group"), [(64, 128, 32), (48, 256, 64), (16, 256, 128), (512, 512, 256), (18, 96, 32)]
)


@matrices
@pytest.mark.parametrize("copies", [(), ("tile",), ("tile", "keep_dense")])
def test_int4_weights_are_bit_by_bit_what_compressed_tensors_unpacks(
    out: int, width: int, group: int, copies: tuple[str, ...]
) -> None:
    """The identity, a few rows at a time and all at once, through every copy that torch's kernels work on."""
    packed, scale = _matrix(out, width, group)
    matrix = Int4Linear(packed, scale)
    for copy in copies:
        getattr(matrix, copy)()
    exact = dequantize(packed, scale)
    assert torch.equal(matrix(torch.eye(width)).bfloat16(), exact.t())
    few = torch.cat([matrix(rows) for rows in torch.eye(width).split(4)])
    assert torch.equal(few.bfloat16(), exact.t())


@matrices
@pytest.mark.parametrize("rows", [1, 4, 7, 96])
def test_compiled_int4_weights_are_bit_by_bit_what_compressed_tensors_unpacks(
    out: int, width: int, group: int, rows: int
) -> None:
    packed, scale = _matrix(out, width, group)
    exact = dequantize(packed, scale)
    native = _native()
    assert torch.equal(native.dequantize(packed, scale), exact)
    identity = torch.eye(width)
    through = [native.multiply(some, packed, scale) for some in identity.split(rows)]
    assert torch.equal(torch.cat(through), exact.t().float())


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 6, 9, 33])
def test_compiled_products_are_those_of_float64(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    x, weight = torch.randn(rows, 256, generator=generator), torch.randn(37, 256, generator=generator).bfloat16()
    exact = F.linear(x.double(), weight.double())
    assert (_native().linear(x, weight) - exact).abs().max() < 1e-4


def _text(**changes: Any) -> TextConfig:
    return read_config(checkpoint("default", True)).text.model_copy(update=changes)


@pytest.mark.parametrize("factor", [1.0, 4.0, 64.0])
@pytest.mark.parametrize(("mscale", "mscale_all_dim"), [(1.0, 1.0), (1.0, 0.0), (0.7, 1.3)])
def test_yarn_is_that_of_transformers(factor: float, mscale: float, mscale_all_dim: float) -> None:
    from transformers import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3RotaryEmbedding, yarn_apply_mscale

    yarn = {"factor": factor, "original_max_position_embeddings": 128, "beta_fast": 32.0, "beta_slow": 1.0}
    yarn |= {"mscale": mscale, "mscale_all_dim": mscale_all_dim}
    raw = {"rope_parameters": {"rope_type": "yarn", "rope_theta": 50000.0, **yarn}}
    sizes = {"qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "max_position_embeddings": int(128 * factor)}
    theirs = DeepseekV3Config(**raw, **sizes)
    base = _text().model_dump()
    ours = TextConfig.model_validate({**base, **sizes, "rope_theta": 50000.0, "rope_scaling": {"type": "yarn", **yarn}})
    positions = torch.tensor([0, 1, 7, 100, 127, 128, 5000, 200_000])
    cosine, sine = Rope(ours, torch.device("cpu")).at(positions)
    their_cosine, their_sine = DeepseekV3RotaryEmbedding(theirs)(torch.zeros(1), positions[None])
    assert torch.allclose(cosine, their_cosine[0, :, :32], atol=1e-5)
    assert torch.allclose(sine, their_sine[0, :, :32], atol=1e-5)
    scale = yarn_apply_mscale(theirs.rope_parameters, 192**-0.5)
    assert math.isclose(attention_scale(ours), scale, rel_tol=1e-6)


@pytest.mark.parametrize(("groups", "reachable", "normalise"), [(1, 1, True), (4, 2, True), (8, 3, False)])
def test_routing_is_that_of_transformers(groups: int, reachable: int, normalise: bool) -> None:
    from transformers import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter

    changes = {"n_routed_experts": 32, "num_experts_per_tok": 5, "hidden_size": 64, "routed_scaling_factor": 2.8}
    changes |= {"n_group": groups, "topk_group": reachable, "norm_topk_prob": normalise}
    theirs = DeepseekV3TopkRouter(DeepseekV3Config(**changes))
    generator = torch.Generator().manual_seed(groups)
    x = torch.randn(200, 64, generator=generator)
    with torch.no_grad():
        theirs.weight.normal_(0, 0.1, generator=generator)
        theirs.e_score_correction_bias.normal_(0, 0.2, generator=generator)
        _, weights, chosen = theirs(x)
        ours, our_weights = Router(theirs.weight, theirs.e_score_correction_bias, _text(**changes))(x)
    order, our_order = chosen.sort(), ours.sort()
    assert torch.equal(our_order[0], order[0])
    assert torch.allclose(our_weights.gather(1, our_order[1]), weights.gather(1, order[1]), atol=1e-6)


def _image(start: int, length: int, digest: bytes = b"a") -> ImageSpan:
    return ImageSpan(start, length, digest, torch.zeros(length * 4, 3, 14, 14), (2, length * 2))


def test_embeddings_stand_where_placeholders_are_whichever_way_the_prompt_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Token 9's own embedding in place of the placeholders gives what token 9 gives; seen once, however often read."""
    model = loaded(monkeypatch, "compiled", checkpoint("default", True))
    seen: list[bytes] = []
    nine = model._weights.embedding[9].float()

    def see(image: ImageSpan) -> torch.Tensor:
        seen.append(image.digest)
        return nine.expand(image.length, -1)

    model._images = Images(see, 128)
    with_image, plain = [5] * 10 + [300] * 20 + [6] * 20, [5] * 10 + [9] * 20 + [6] * 20
    expected = model.forward([Piece(plain, 0, pages(10, 50), 1)])
    image = _image(10, 20)
    for cuts in ([50], [15, 50], [10, 30, 50], [12, 13, 29, 50]):
        for low, high in zip([0, *cuts[:-1]], cuts, strict=True):
            logits = model.forward([Piece(with_image[low:high], low, pages(0, 50), 1, [image])])
        assert (logits - expected).abs().max() < 0.12
    assert seen == [b"a"]


def test_embeddings_that_are_kept_are_bounded_and_the_oldest_go_first() -> None:
    seen: list[bytes] = []

    def see(image: ImageSpan) -> torch.Tensor:
        seen.append(image.digest)
        return torch.zeros(image.length, 128)

    images = Images(see, 128, limit=3 * 10 * 128 * 4)
    for digest in b"abcacdba":
        images._embedding(_image(0, 10, bytes([digest])))
    assert b"".join(seen) == b"abcdba", "d drove out b, which had not been asked for again as a had"
    assert images._bytes <= 3 * 10 * 128 * 4


def test_an_embedding_of_another_length_than_its_placeholders_is_refused() -> None:
    images = Images(lambda _: torch.zeros(19, 128), 128)
    with pytest.raises(ValueError, match="20 placeholders"):
        images._embedding(_image(0, 20))
    with pytest.raises(ValueError, match="does not see"):
        Images(None, 128)._embedding(_image(0, 20))


def test_the_compiled_router_chooses_what_transformers_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer's mixture alone, over rows few and many, against transformers' own in float32."""
    model = loaded(monkeypatch, "compiled", checkpoint("grouped", True))
    assert model._native is not None
    theirs = yardstick("grouped", True).model.layers[2].mlp
    x = torch.randn(150, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact = theirs(x[None])[0]
        assert (model._native.mix(2, x) - exact).abs().max() < 1e-4
        assert (model._native.mix(2, x[:3]) - exact[:3]).abs().max() < 1e-4
