"""Bytes of a model's weights by their kind: from its sizes, or exactly, from the headers of its shards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from backend.checkpoint.config import TextConfig, VisionConfig
from backend.checkpoint.index import TensorEntry
from backend.planner.shape import Scheme, Weights

HALF = 2  # bytes of a bf16 value
LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")

# The first pattern that a name fits says its kind. Names are those of DeepSeek-V3, Kimi, Qwen, Llama and Mixtral.
KINDS = (
    ("vision", re.compile(r"^(?:model\.)?(?:vision_tower|vision_model|visual|mm_projector|multi_modal_projector)\.")),
    ("embedding", re.compile(r"embed_tokens\.")),
    ("head", re.compile(r"(?:^|\.)lm_head\.")),
    ("experts", re.compile(r"\.experts\.")),
    ("router", re.compile(r"\.(?:mlp|block_sparse_moe)\.gate\.|\.shared_expert_gate\.")),
    ("shared", re.compile(r"\.shared_experts?\.")),
    ("latent", re.compile(r"\.self_attn\.(?:q_a_proj|kv_a_proj_with_mqa|\w*norm)\.")),
    ("key_value", re.compile(r"\.self_attn\.[kv]_proj\.")),
    ("attention", re.compile(r"\.self_attn\.(?:q_proj|q_b_proj|kv_b_proj|o_proj|qkv_proj)\.")),
    ("dense", re.compile(r"\.mlp\.")),
)
UP = re.compile(r"\.kv_b_proj\.weight$")


def sorted_by_kind(tensors: Mapping[str, TensorEntry], layers: int) -> Weights:
    """The weights of real tensors. Layers from ``layers`` on serve speculative decoding only and are ``unused``."""
    found: Counter[str] = Counter()
    for name, entry in tensors.items():
        layer = LAYER.search(name)
        if layer is not None and int(layer[1]) >= layers and not KINDS[0][1].search(name):
            kind = "unused"
        else:
            kind = next((kind for kind, pattern in KINDS if pattern.search(name)), "other")
        found[kind] += entry.end - entry.begin
    return Weights(**found)


def absorbed_bytes(tensors: Mapping[str, TensorEntry]) -> int:
    """Bytes of MLA's up-projections, which a server keeps a second time in bf16."""
    return sum(HALF * entry.shape[0] * entry.shape[1] for name, entry in tensors.items() if _is_up(name, entry))


def _is_up(name: str, entry: TensorEntry) -> bool:
    return UP.search(name) is not None and len(entry.shape) == 2


def _bytes(parameters: int, bits: float) -> int:
    return round(parameters * bits / 8)


def mla_weights(text: TextConfig, vision: VisionConfig | None, scheme: Scheme) -> Weights:
    """DeepSeek-V3's weights by its sizes: what Moonlight, Kimi K2, K2.5 and K2.6 are."""
    hidden, heads = text.hidden_size, text.num_attention_heads
    layers = text.num_hidden_layers
    moe = sum(text.is_moe(layer) for layer in range(layers))
    queries = heads * text.qk_head_dim
    up = text.kv_lora_rank * heads * (text.qk_nope_head_dim + text.v_head_dim)
    out = heads * text.v_head_dim * hidden
    down = hidden * text.latent_dim
    if text.q_lora_rank is None:
        query, norms = hidden * queries, text.kv_lora_rank
    else:
        query, norms = text.q_lora_rank * queries, text.kv_lora_rank + text.q_lora_rank
        down += hidden * text.q_lora_rank
    expert = 3 * hidden * text.moe_intermediate_size
    embedding = text.vocab_size * hidden * HALF
    return Weights(
        embedding=embedding,
        head=0 if text.tie_word_embeddings else embedding,
        attention=layers * _bytes(query + up + out, scheme.bits),
        latent=layers * (_bytes(down, scheme.bits) + norms * HALF),
        dense=(layers - moe) * _bytes(3 * hidden * text.intermediate_size, scheme.bits),
        shared=moe * _bytes(expert * text.n_shared_experts, scheme.bits),
        experts=moe * text.n_routed_experts * _bytes(expert, scheme.expert_bits),
        router=moe * text.n_routed_experts * (hidden * HALF + 4),
        vision=0 if vision is None else vision_bytes(vision, hidden),
        other=(2 * layers + 1) * hidden * HALF,
    )


def vision_bytes(vision: VisionConfig, hidden: int) -> int:
    """MoonViT-3D and its projector in bf16, biases included. ``hidden`` is the language model's width."""
    width, inner = vision.vt_hidden_size, vision.vt_intermediate_size
    block = 4 * width * width + 4 * width + 2 * width * inner + inner + width + 4 * width
    patch = 3 * vision.patch_size**2 * width + width
    grid = vision.init_pos_emb_height * vision.init_pos_emb_width * width
    merged = width * vision.merge_kernel_size[0] * vision.merge_kernel_size[1]
    projector = merged * merged + merged + merged * hidden + hidden + 2 * width
    return HALF * (vision.vt_num_hidden_layers * block + patch + grid + 2 * width + projector)
