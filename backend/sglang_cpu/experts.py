"""INT4 experts in plain torch: three methods that take the place of those of SGLang's scheme for them.

A layer's ``w13_weight_packed`` is [experts, hidden/8, 2 x inner] int32, eight values of four bits along the inputs, the
lowest bits first, each stored as value + 8; ``w13_weight_scale`` is [experts, hidden/group, 2 x inner]. ``w2`` is the
same the other way round. SGLang's loader lays compressed-tensors' checkpoints out so for its Marlin kernel.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu


def unpack(packed: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The matrix [outputs, inputs] of one expert, from [inputs/per word, outputs] and [groups, outputs].

    Values are multiplied in the scale's own type, as compressed-tensors does, so that its bits come out.
    """
    words, outputs = packed.shape
    shifts = torch.arange(0, 32, bits, dtype=torch.int32).view(1, -1, 1)
    values = ((packed.unsqueeze(1) >> shifts) & (2**bits - 1)) - 2 ** (bits - 1)
    values = values.reshape(scale.shape[0], -1, outputs).to(scale.dtype)
    matrix: Tensor = (values * scale.unsqueeze(1)).reshape(words * shifts.numel(), outputs).t()
    return matrix


def process_weights_after_loading(self: Any, layer: Any) -> None:
    """Leaves the weights as they were loaded; the original would repack them with a GPU kernel.

    The mark keeps SGLang from trying again, or from taking them for repacked ones when weights are replaced.
    """
    if not self.sym or self.actorder:
        raise ValueError("On the CPU, INT4 experts must be symmetric and without activation order.")
    layer.is_marlin_converted = True


def create_moe_runner(self: Any, layer: Any, moe_runner_config: Any) -> None:
    """Keeps the configuration; there is no kernel to choose."""
    if moe_runner_config.activation != "silu" or not moe_runner_config.is_gated:
        raise ValueError(f"On the CPU, INT4 experts have SiLU gates, not {moe_runner_config.activation!r}.")
    self.moe_runner_config = moe_runner_config


def apply_weights(self: Any, layer: Any, dispatch_output: Any) -> Any:
    """Each expert that some token was sent to is unpacked, applied to its tokens, and forgotten.

    ``hidden_states`` is [tokens, hidden]; ``routed_scaling_factor`` is the model's business, before or after. Experts
    of other ranks have the number -1.
    """
    hidden = dispatch_output.hidden_states
    weights, chosen, _ = dispatch_output.topk_output
    total = torch.zeros_like(hidden, dtype=torch.float32)
    for expert in chosen.unique().tolist():
        if expert < 0:
            continue
        tokens, slots = (chosen == expert).nonzero(as_tuple=True)
        into = unpack(layer.w13_weight_packed[expert], layer.w13_weight_scale[expert], self.num_bits)
        back = unpack(layer.w2_weight_packed[expert], layer.w2_weight_scale[expert], self.num_bits)
        gate, up = (hidden[tokens] @ into.t()).chunk(2, dim=-1)
        answer = (silu(gate) * up) @ back.t()
        total.index_add_(0, tokens, answer.float() * weights[tokens, slots].float().unsqueeze(-1))
    dispatcher = import_module("sglang.srt.layers.moe.token_dispatcher")
    return dispatcher.StandardCombineInput(hidden_states=total.to(hidden.dtype))
