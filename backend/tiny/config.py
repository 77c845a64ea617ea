"""``config.json`` and ``generation_config.json`` of a small checkpoint, with the keys of the real ones.

The tower's sizes are written in three forms, since three programs read them: Moonshot's own code (``vt_…``), SGLang
0.5 and transformers 5.
"""

from __future__ import annotations

from typing import Any

from backend.checkpoint.config import DEEPSEEK, KIMI
from backend.checkpoint.kimi import int4_config
from backend.tiny.shape import Shape
from backend.tiny.tokens import Vocabulary

STRETCH = 64.0
"""K2's yarn factor; the context before stretching is that part of the whole."""


def config(architecture: str, shape: Shape, words: Vocabulary, int4: bool) -> dict[str, Any]:
    """``config.json``."""
    text = _text(shape, words)
    quantized = {"quantization_config": int4_config(shape.group_size, sees=architecture == KIMI)} if int4 else {}
    if architecture == DEEPSEEK:
        return text | quantized
    return {
        "architectures": [KIMI],
        "model_type": "kimi_k25",
        "dtype": "bfloat16",
        "tie_word_embeddings": False,
        "bos_token_id": words.bos,
        "eos_token_id": words.eos,
        "pad_token_id": words.pad,
        "ignore_index": -100,
        "media_placeholder_token_id": words.media_pad,
        "image_token_id": words.media_pad,
        "use_unified_vision_chunk": True,
        "video_placeholder": "<|kimi_k25_video_placeholder|>",
        "projection_hidden_size": shape.vision.hidden,
        "projection_layer_norm_eps": 1e-5,
        "text_config": text | quantized,
        "vision_config": _vision(shape),
        **quantized,
    }


def _text(shape: Shape, words: Vocabulary) -> dict[str, Any]:
    return {
        "architectures": [DEEPSEEK],
        "model_type": "deepseek_v3",
        "dtype": "bfloat16",
        "vocab_size": shape.vocab,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.dense_inner,
        "moe_intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "q_lora_rank": shape.q_lora,
        "kv_lora_rank": shape.kv_lora,
        "qk_nope_head_dim": shape.nope,
        "qk_rope_head_dim": shape.rope,
        "v_head_dim": shape.value,
        "n_routed_experts": shape.experts,
        "n_shared_experts": shape.shared,
        "num_experts_per_tok": shape.active,
        "n_group": shape.groups,
        "topk_group": shape.reachable_groups,
        "first_k_dense_replace": shape.dense_layers,
        "moe_layer_freq": 1,
        "routed_scaling_factor": 2.827,
        "norm_topk_prob": True,
        "scoring_func": "sigmoid",
        "topk_method": "noaux_tc",
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": False,
        "num_nextn_predict_layers": 0,
        "max_position_embeddings": shape.context,
        "rope_theta": 50000.0,
        "rope_scaling": _yarn(shape),
        "bos_token_id": words.bos,
        "eos_token_id": words.eos,
        "pad_token_id": words.pad,
        "use_cache": True,
    }


def _yarn(shape: Shape) -> dict[str, Any]:
    return {
        "type": "yarn",
        "factor": STRETCH,
        "original_max_position_embeddings": int(shape.context / STRETCH),
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
    }


def _vision(shape: Shape) -> dict[str, Any]:
    vision = shape.vision
    sizes = {
        "num_attention_heads": vision.heads,
        "num_hidden_layers": vision.layers,
        "hidden_size": vision.hidden,
        "intermediate_size": vision.inner,
    }
    return {
        "patch_size": vision.patch,
        "init_pos_emb_height": vision.grid,
        "init_pos_emb_width": vision.grid,
        "init_pos_emb_time": 4,
        "pos_emb_height": vision.grid,
        "pos_emb_width": vision.grid,
        "pos_emb_time": 4,
        "pos_emb_type": "divided_fixed",
        **sizes,
        **{f"vt_{name}": size for name, size in sizes.items()},
        "merge_kernel_size": [2, 2],
        "merge_type": "sd2_tpool",
        "video_attn_type": "spatial_temporal",
        "mm_projector_type": "patchmerger",
        "mm_hidden_size": vision.hidden,
        "projector_hidden_act": "gelu",
        "projector_ln_eps": 1e-5,
        "text_hidden_size": shape.hidden,
    }


def generation(words: Vocabulary) -> dict[str, Any]:
    """``generation_config.json``: a turn ends at Kimi's end-of-message token."""
    return {
        "bos_token_id": words.bos,
        "eos_token_id": words.end_of_message,
        "pad_token_id": words.pad,
        "max_length": 2**20,
    }
