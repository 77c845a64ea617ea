"""INT4 is packed and unpacked bit for bit as compressed-tensors does it."""

from __future__ import annotations

import pytest
import torch
from compressed_tensors.compressors import PackedQuantizationCompressor, pack_to_int32
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from torch import Tensor

from backend.checkpoint.int4 import dequantize, pack, quantize, unpack

SHAPES = [(192, 64), (64, 192), (48, 1024)]
GROUPS = [32, 64]


def _weight(shape: tuple[int, int], seed: int = 0) -> Tensor:
    return torch.empty(shape).normal_(0, 0.05, generator=torch.Generator().manual_seed(seed)).bfloat16()


def _scheme(group: int) -> QuantizationScheme:
    return QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(num_bits=4, strategy="group", group_size=group, symmetric=True)
    )


def _stored(packed: Tensor, scale: Tensor) -> dict[str, Tensor | None]:
    shape = torch.tensor([packed.shape[0], packed.shape[1] * 8])
    return {"weight_packed": packed, "weight_scale": scale, "weight_shape": shape}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_compressed_tensors_unpacks_to_the_very_same_bits(shape: tuple[int, int], group: int) -> None:
    nibbles, scale = quantize(_weight(shape), group)
    theirs = PackedQuantizationCompressor.decompress(_stored(pack(nibbles), scale), _scheme(group))["weight"]
    assert theirs is not None
    assert theirs.dtype == torch.bfloat16
    assert torch.equal(theirs, dequantize(pack(nibbles), scale))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_compressed_tensors_packs_the_same_words_from_the_same_scales(shape: tuple[int, int], group: int) -> None:
    nibbles, scale = quantize(_weight(shape), group)
    words = pack(nibbles)
    assert torch.equal(pack_to_int32((nibbles.int() - 8).to(torch.int8), 4), words)
    back = dequantize(words, scale)
    theirs = PackedQuantizationCompressor.compress({"weight": back, "weight_scale": scale}, _scheme(group))
    assert theirs["weight_packed"] is not None
    assert torch.equal(theirs["weight_packed"], words)


def test_what_was_unpacked_packs_to_the_same_codes_again() -> None:
    nibbles, scale = quantize(_weight((64, 256)), 32)
    again, _ = quantize(dequantize(pack(nibbles), scale), 32)
    assert torch.equal(again, nibbles)


def test_every_nibble_keeps_its_place() -> None:
    nibbles = torch.randint(0, 16, (24, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    nibbles[0, :8] = torch.tensor([1, 2, 3, 4, 5, 6, 7, 15])
    words = pack(nibbles)
    assert words.dtype == torch.int32
    assert words.shape == (24, 12)
    assert words[0, 0].item() & 0xFFFFFFFF == 0xF7654321
    assert torch.equal(unpack(words), nibbles)


def test_each_weight_takes_the_nearest_code_of_the_scale_that_is_stored() -> None:
    weight = _weight((32, 128), seed=3).float()
    nibbles, scale = quantize(weight, 32)
    assert scale.dtype == torch.bfloat16
    codes = torch.arange(-8, 8).float()
    grid = codes * scale.float().repeat_interleave(32, 1).unsqueeze(-1)
    nearest = (grid - weight.unsqueeze(-1)).abs().amin(-1)
    chosen = (grid.gather(-1, nibbles.long().unsqueeze(-1)).squeeze(-1) - weight).abs()
    assert torch.allclose(chosen, nearest, rtol=0, atol=1e-9)


def test_a_group_of_zeros_stays_zero_with_a_scale_that_is_not() -> None:
    nibbles, scale = quantize(torch.zeros(16, 64), 32)
    assert scale.float().min() > 0
    assert torch.equal(dequantize(pack(nibbles), scale), torch.zeros(16, 64).bfloat16())
