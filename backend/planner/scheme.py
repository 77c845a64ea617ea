"""How a checkpoint's weights are stored, by the ``quantization_config`` of its ``config.json``."""

from __future__ import annotations

from typing import Any

from backend.errors import CheckpointError
from backend.planner.shape import BF16, FP8, Scheme


def int4(group: int, *, symmetric: bool = True, experts_only: bool = False) -> Scheme:
    """INT4 with a 16-bit scale for ``group`` inputs, and 4 bits of zero point where it is not symmetric."""
    bits = 4 + (16 if symmetric else 20) / group
    return Scheme(name=f"INT4 (groups of {group})", bits=16 if experts_only else bits, expert_bits=bits, group=group)


def read_scheme(raw: dict[str, Any] | None, where: str) -> Scheme:
    """The scheme; bf16 for a checkpoint that says nothing. Raises CheckpointError for one that is not known."""
    if not raw:
        return BF16
    method = raw.get("quant_method")
    if method == "compressed-tensors":
        return _compressed(raw, where)
    if method == "fp8":
        return FP8
    if method in ("awq", "gptq") and raw.get("bits", raw.get("w_bit")) == 4:
        group = raw.get("group_size", raw.get("q_group_size", 128))
        if isinstance(group, int) and 16 <= group <= 1024:
            return int4(group, symmetric=False)
    raise _unknown(raw, where)


def _compressed(raw: dict[str, Any], where: str) -> Scheme:
    groups = raw.get("config_groups")
    found = next(iter(groups.values()), None) if isinstance(groups, dict) and len(groups) == 1 else None
    weights = found.get("weights") if isinstance(found, dict) else None
    if not isinstance(weights, dict):
        raise _unknown(raw, where)
    kept = _keeps_attention(raw.get("ignore"))
    bits, kind, group = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    if bits == 4 and kind == "int" and isinstance(group, int) and 16 <= group <= 1024:
        return int4(group, symmetric=weights.get("symmetric") is not False, experts_only=kept)
    if bits == 8 and kind in ("float", "int"):
        return Scheme(name="FP8" if kind == "float" else "INT8", bits=16 if kept else 8, expert_bits=8)
    raise _unknown(raw, where)


def _keeps_attention(patterns: Any) -> bool:
    """Whether ``ignore`` leaves attention as it is; looked for as text, since its expressions may be hostile."""
    return isinstance(patterns, list) and any(isinstance(one, str) and "self_attn" in one for one in patterns)


def _unknown(raw: dict[str, Any], where: str) -> CheckpointError:
    return CheckpointError(
        f"{where}: its quantization {str(raw.get('quant_method'))[:60]!r} is not one that the planner knows.",
        "Known are compressed-tensors (INT4 in groups, FP8, INT8), fp8, and awq and gptq with 4 bits.",
    )
