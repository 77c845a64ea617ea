"""The tensors of MoonViT-3D and of its projector, by the names of Moonshot's checkpoints."""

from __future__ import annotations

from backend.checkpoint.config import VisionConfig

TOWER = "vision_tower"
PROJECTOR = "mm_projector"


def vision_tensors(vision: VisionConfig | None, hidden: int) -> dict[str, tuple[int, ...]]:
    """Shapes by name; none for a model that does not see. ``hidden`` is the language model's width."""
    if vision is None:
        return {}
    width, patch = vision.vt_hidden_size, vision.patch_size
    found: dict[str, tuple[int, ...]] = {
        f"{TOWER}.patch_embed.proj.weight": (width, 3, patch, patch),
        f"{TOWER}.patch_embed.proj.bias": (width,),
        f"{TOWER}.patch_embed.pos_emb.weight": (vision.init_pos_emb_height, vision.init_pos_emb_width, width),
    }
    for layer in range(vision.vt_num_hidden_layers):
        found |= _block(f"{TOWER}.encoder.blocks.{layer}", width, vision.vt_intermediate_size)
    found |= _norm(f"{TOWER}.encoder.final_layernorm", width)
    merged = width * vision.merge_kernel_size[0] * vision.merge_kernel_size[1]
    found |= _norm(f"{PROJECTOR}.pre_norm", width)
    return found | _linear(f"{PROJECTOR}.proj.0", merged, merged) | _linear(f"{PROJECTOR}.proj.2", hidden, merged)


def _block(name: str, width: int, inner: int) -> dict[str, tuple[int, ...]]:
    return (
        _norm(f"{name}.norm0", width)
        | _norm(f"{name}.norm1", width)
        | _linear(f"{name}.wqkv", 3 * width, width)
        | _linear(f"{name}.wo", width, width)
        | _linear(f"{name}.mlp.fc0", inner, width)
        | _linear(f"{name}.mlp.fc1", width, inner)
    )


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, out: int, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, width), f"{name}.bias": (out,)}
