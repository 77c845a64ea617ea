"""MoonViT-3D for images, and the projector that brings its patches into the language model's space.

An image is one sequence of patches, row by row, every patch attending to every other. Patches keep a learned place
(bicubically stretched to the image's grid) and rotary positions in two axes; four neighbours become one embedding
("sd2_tpool", which for a single frame only groups them). Sums and norms are in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.engine.vision.names import PROJECTOR, TOWER

if TYPE_CHECKING:
    from backend.checkpoint.config import VisionConfig

ROPE_BASE = 10000.0
EPSILON = 1e-5


class Tower:
    """The tower and its projector; ``tensors`` by their names in the checkpoint. Used without gradients."""

    def __init__(self, vision: VisionConfig, tensors: dict[str, Tensor]) -> None:
        self._vision = vision
        self._tensors = tensors

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, grid: tuple[int, int]) -> Tensor:
        """Embeddings, float32 [patches / 4, hidden], of ``pixels`` [patches, 3, patch, patch]."""
        x = self._linear(f"{TOWER}.patch_embed.proj", pixels.flatten(1)) + self._places(grid)
        turns = self._turns(grid, pixels.device)
        for layer in range(self._vision.vt_num_hidden_layers):
            x = self._block(f"{TOWER}.encoder.blocks.{layer}", x, turns)
        x = self._norm(f"{TOWER}.encoder.final_layernorm", x)
        return self._project(self._merge(x, grid))

    def _places(self, grid: tuple[int, int]) -> Tensor:
        """The learned places, stretched to the grid: [patches, width]."""
        learned = self._tensors[f"{TOWER}.patch_embed.pos_emb.weight"]
        if learned.shape[:2] == grid:
            return learned.flatten(0, 1)
        stretched = F.interpolate(learned.permute(2, 0, 1).unsqueeze(0), size=grid, mode="bicubic")
        return stretched.squeeze(0).permute(1, 2, 0).flatten(0, 1)

    def _turns(self, grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines, [patches, 1, head / 2]: even pairs turn with the column, odd ones with the row."""
        size = self._vision.vt_hidden_size // self._vision.vt_num_attention_heads
        speeds = ROPE_BASE ** (-torch.arange(0, size, 4, device=device).float() / size)
        rows = torch.arange(grid[0], device=device).repeat_interleave(grid[1])
        columns = torch.arange(grid[1], device=device).repeat(grid[0])
        places = torch.stack((columns, rows), dim=-1).float()
        angles = (speeds[None, :, None] * places[:, None, :]).flatten(1).unsqueeze(1)
        return angles.cos(), angles.sin()

    def _block(self, name: str, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self._attend(name, self._norm(f"{name}.norm0", x), turns)
        inner = F.gelu(self._linear(f"{name}.mlp.fc0", self._norm(f"{name}.norm1", x)), approximate="tanh")
        return x + self._linear(f"{name}.mlp.fc1", inner)

    def _attend(self, name: str, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        heads = self._vision.vt_num_attention_heads
        query, key, value = self._linear(f"{name}.wqkv", x).view(len(x), 3, heads, -1).unbind(1)
        parts = [_turned(query, turns), _turned(key, turns), value]
        kind = self._tensors[f"{name}.wqkv.weight"].dtype
        query, key, value = (part.to(kind).transpose(0, 1).unsqueeze(0) for part in parts)
        seen = F.scaled_dot_product_attention(query, key, value)
        return self._linear(f"{name}.wo", seen.squeeze(0).transpose(0, 1).flatten(1))

    def _merge(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Neighbours together: [patches / 4, 4, width]."""
        height, width = self._vision.merge_kernel_size
        blocks = x.view(grid[0] // height, height, grid[1] // width, width, -1)
        return blocks.transpose(1, 2).reshape(-1, height * width, x.shape[-1])

    def _project(self, x: Tensor) -> Tensor:
        flat = self._norm(f"{PROJECTOR}.pre_norm", x, self._vision.projector_ln_eps).flatten(1)
        return self._linear(f"{PROJECTOR}.proj.2", F.gelu(self._linear(f"{PROJECTOR}.proj.0", flat)))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        weight = self._tensors[f"{name}.weight"].flatten(1)
        return F.linear(x.to(weight.dtype), weight).float() + self._tensors[f"{name}.bias"]

    def _norm(self, name: str, x: Tensor, epsilon: float = EPSILON) -> Tensor:
        return F.layer_norm(x, (x.shape[-1],), self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"], epsilon)


def _turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions on pairs of neighbouring values of ``x`` [patches, heads, head]."""
    cosine, sine = turns
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(-2)
