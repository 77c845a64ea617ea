"""Random weights that behave: activations near 1, and a head that knows which token is to follow which.

Logits of plain random weights are all alike, so the most likely token hinges on rounding and two engines that are both
right part ways after a few tokens. Here every token has a successor, drawn once, whose logit stands out by some
standard deviations; what the layers add decides now and then, and moves every probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from backend.checkpoint.config import ModelConfig
from backend.checkpoint.int4 import dequantize, pack, quantize
from backend.engine.model.names import expected
from backend.engine.vision.names import vision_tensors
from backend.tiny.tokens import Vocabulary

HEAD = 1.5
"""Standard deviation of the logits that no successor explains."""
BRANCHES = 0.6
"""Of what one part of each layer adds up to over all layers, where the embedding of a token is 1."""
ROUTED = 0.6
"""How large the routed experts' part is beside others: engines that round otherwise may choose other experts."""
SUCCESSOR = 10.0
"""How far the logit of a token's successor stands out, about twice as far as the greatest of the others."""


class Weights:
    """Every tensor by name, each from its own generator, so that none depends on the order."""

    def __init__(self, config: ModelConfig, words: Vocabulary, seed: int, twin: bool) -> None:
        self._config = config
        self._words = words
        self._seed = seed
        self._twin = twin

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors as they go into the files."""
        for name, tensor in expected(self._config).items():
            if name.endswith(".weight_packed"):
                yield from self._packed(name.removesuffix("_packed"), (tensor.shape[0], tensor.shape[1] * 8))
            elif not name.endswith((".weight_scale", ".weight_shape")):
                yield name, self._tensor(name, tensor.shape)
        for name, shape in vision_tensors(self._config.vision, self._config.text.hidden_size).items():
            yield name, self._seen(name, shape)

    def _packed(self, name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
        assert self._config.quantization is not None
        nibbles, scale = quantize(self._normal(name, shape, self._deviation(name, shape)).bfloat16(), self._group)
        yield f"{name}_packed", pack(nibbles)
        yield f"{name}_scale", scale
        yield f"{name}_shape", torch.tensor(shape, dtype=torch.int64)

    @property
    def _group(self) -> int:
        return 32 if self._config.quantization is None else self._config.quantization.group_size

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name.endswith("lm_head.weight"):
            return self._head(name, shape).bfloat16()
        if name.endswith("e_score_correction_bias"):
            return self._normal(name, shape, 0.1).float()
        if len(shape) == 1:
            return (1 + self._normal(name, shape, 0.1)).bfloat16()
        weight = self._normal(name, shape, self._deviation(name, shape)).bfloat16()
        if self._twin and ".experts." in name:
            nibbles, scale = quantize(weight, self._group)
            return dequantize(pack(nibbles), scale)
        return weight

    def _deviation(self, name: str, shape: tuple[int, ...]) -> float:
        if name.endswith("embed_tokens.weight"):
            return 1.0
        gain = 1 / math.sqrt(shape[-1])
        branch = gain * BRANCHES / math.sqrt(self._config.text.num_hidden_layers)
        if name.endswith("o_proj.weight"):
            return branch * 2  # attention averages values, which makes them smaller
        if name.endswith("down_proj.weight"):
            return branch / 0.6 * (self._routed() if ".experts." in name else 1)
        return gain * (1.5 if "q_b_proj" in name or "q_proj" in name else 1.0)

    def _routed(self) -> float:
        """One expert's part in their sum: their weights add up to the scaling factor."""
        text = self._config.text
        return ROUTED * math.sqrt(text.num_experts_per_tok) / text.routed_scaling_factor

    def _head(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Rows that point to the embeddings of the tokens that they follow; no special token follows any."""
        embedding = self._tensor(name.replace("lm_head", "model.embed_tokens"), shape).float()
        printable = torch.tensor(self._words.printable)
        order = printable[torch.randperm(len(printable), generator=self._generator(name))]
        follower = printable[torch.randint(len(printable), shape[:1], generator=self._generator(name))]
        follower[order] = order.roll(-1)
        share = min(1.0, SUCCESSOR / math.sqrt(shape[1]))
        head = self._normal(name, shape, math.sqrt(1.04 - share**2))
        head.index_add_(0, follower, embedding, alpha=share)
        return head * (HEAD / math.sqrt(shape[1]))

    def _seen(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A tensor of the tower that sees or of its projector."""
        if "norm" in name and name.endswith(".weight"):
            return (1 + self._normal(name, shape, 0.1)).bfloat16()
        if name.endswith(".bias"):
            return self._normal(name, shape, 0.1).bfloat16()
        if name.endswith("pos_emb.weight"):
            return self._normal(name, shape, 0.5).bfloat16()
        return self._normal(name, shape, 1 / math.sqrt(math.prod(shape[1:]))).bfloat16()

    def _normal(self, name: str, shape: tuple[int, ...], deviation: float) -> Tensor:
        return torch.empty(shape).normal_(0, deviation, generator=self._generator(name))

    def _generator(self, name: str) -> torch.Generator:
        bare = name.removeprefix(self._config.prefix).encode()
        mixed = self._seed
        for byte in bare:
            mixed = (mixed * 1000003 + byte + 1) % (2**61 - 1)
        return torch.Generator().manual_seed(mixed)
