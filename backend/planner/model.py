"""Finds the model that is to be planned: a checkpoint's folder, downloaded or not yet whole, or a known name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.checkpoint.config import DEEPSEEK, KIMI, LARGEST_CONFIG, ModelConfig, parse_config
from backend.checkpoint.index import INDEX, LARGEST_INDEX, SINGLE, read_index
from backend.errors import CheckpointError
from backend.planner.catalogue import KNOWN, find
from backend.planner.gpu import GIB
from backend.planner.grouped import SERVED, grouped_shape
from backend.planner.parts import HALF, absorbed_bytes, mla_weights, sorted_by_kind
from backend.planner.scheme import read_scheme
from backend.planner.shape import Model, Scheme, Shape, Weights

LARGEST_TEMPLATE = 2**20
TOOL_SIGN = "<|tool_calls_section_begin|>"
AGAIN = "Download the checkpoint again."


def find_model(text: str) -> Model:
    """The model of a folder or of a known name. Raises CheckpointError."""
    folder = Path(text)
    if _is_folder(folder):
        return read_model(folder)
    known = find(text)
    if known is None:
        raise CheckpointError(
            f"{text[:200]!r} is neither a folder nor a model that the planner knows.",
            f"Name a checkpoint's folder, or one of {', '.join(KNOWN)}.",
        )
    name, entry = known
    shape = shape_of(entry.config, name)
    total = shape.weights.total if entry.gib is None else round(entry.gib * GIB)
    tools, reasoning = _parsers_by_name(name, entry.config)
    return Model(
        name=name,
        path=entry.repository,
        shape=shape.model_copy(update={"weights": fitted(shape.weights, total, name)}),
        tools=tools,
        reasoning=reasoning,
        notes=("Sizes are those of the catalogue; a downloaded checkpoint is measured exactly.",),
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long for a name, or with a NUL in it
        return False


def read_model(folder: Path) -> Model:
    """The model in a folder: exact where its shards are there, by index and sizes where not. Raises CheckpointError."""
    raw = _json(folder / "config.json", LARGEST_CONFIG)
    where = str(folder / "config.json")
    shape = shape_of(raw, where)
    names = _shards(folder)
    if names is not None and all((folder / name).is_file() for name in names):
        index = read_index(folder)
        weights = sorted_by_kind(index.tensors, shape.layers)
        shape = shape.model_copy(
            update={"weights": weights, "absorbed": absorbed_bytes(index.tensors) or shape.absorbed}
        )
        notes: tuple[str, ...] = ()
    else:
        total = _announced(folder)
        notes = ("The shards are not all there yet: sizes are those of the configuration and the index.",)
        if total is None:
            notes = ("There is no index and there are no shards: sizes are those of the configuration alone.",)
        else:
            shape = shape.model_copy(update={"weights": fitted(shape.weights, total, str(folder))})
    tools, reasoning = _parsers(folder, raw)
    path = str(folder.resolve())
    return Model(name=_name(folder), path=path, shape=shape, tools=tools, reasoning=reasoning, notes=notes)


def shape_of(raw: dict[str, Any], where: str) -> Shape:
    """The shape that a ``config.json`` says, weights by formula. Raises CheckpointError."""
    named = raw.get("architectures")
    architectures = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    text = raw.get("text_config")
    inner = text if isinstance(text, dict) else {}
    scheme = read_scheme(_object(raw.get("quantization_config") or inner.get("quantization_config")), where)
    for architecture in architectures:
        if architecture in (DEEPSEEK, KIMI):
            return _latent_shape(parse_config(_without_quantization(raw), where), scheme)
        if architecture in SERVED:
            return grouped_shape(raw, architecture, scheme, where)
    raise CheckpointError(
        f"{where} names the architecture {named!r}, which the planner does not know.",
        f"Known are {', '.join((KIMI, DEEPSEEK, *SERVED))}.",
    )


def _without_quantization(raw: dict[str, Any]) -> dict[str, Any]:
    """The CPU engine reads one scheme only; SGLang serves more, which ``read_scheme`` has read already."""
    text = raw.get("text_config")
    kept = {name: value for name, value in raw.items() if name != "quantization_config"}
    if isinstance(text, dict):
        kept["text_config"] = {name: value for name, value in text.items() if name != "quantization_config"}
    return kept


def _latent_shape(config: ModelConfig, scheme: Scheme) -> Shape:
    text = config.text
    up = text.kv_lora_rank * text.num_attention_heads * (text.qk_nope_head_dim + text.v_head_dim)
    return Shape(
        architecture=config.architecture,
        attention="mla",
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        heads=text.num_attention_heads,
        latent=text.latent_dim,
        experts=text.n_routed_experts,
        expert_inner=text.moe_intermediate_size,
        inner=text.intermediate_size,
        context=text.max_position_embeddings,
        sees=config.vision is not None,
        vision_layers=0 if config.vision is None else config.vision.vt_num_hidden_layers,
        vision_hidden=0 if config.vision is None else config.vision.vt_hidden_size,
        absorbed=text.num_hidden_layers * up * HALF,
        scheme=scheme,
        weights=mla_weights(text, config.vision, scheme),
    )


def fitted(weights: Weights, total: int, where: str) -> Weights:
    """The weights of a formula, made to add up to a known total. Raises CheckpointError if they are far apart."""
    difference = total - weights.total
    if abs(difference) > total // 10:
        raise CheckpointError(
            f"{where}: the index says {total / GIB:.1f} GiB, its sizes say {weights.total / GIB:.1f} GiB.",
            "Download all shards; then they are measured.",
        )
    part = "other" if 0 <= difference <= total // 100 else "experts" if weights.experts > -difference else "dense"
    return weights.model_copy(update={part: max(0, getattr(weights, part) + difference)})


def _json(path: Path, most: int) -> dict[str, Any]:
    try:
        if path.stat().st_size > most:
            raise CheckpointError(f"{path} is larger than any such file is.", "Name a checkpoint folder.")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as gone:
        raise CheckpointError(f"{path.parent} has no {path.name}.", "Name the folder of a checkpoint.") from gone
    except (OSError, ValueError, RecursionError) as bad:
        raise CheckpointError(f"{path} cannot be read: {bad}.", AGAIN) from bad
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path} is not a JSON object.", AGAIN)
    return raw


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _shards(folder: Path) -> set[str] | None:
    """The shards that the index names, or the only one; None if there is neither."""
    if (folder / INDEX).is_file():
        named = _json(folder / INDEX, LARGEST_INDEX).get("weight_map")
        shards = list(named.values()) if isinstance(named, dict) else []
        if not shards or not all(isinstance(one, str) and Path(one).name == one for one in shards):
            raise CheckpointError(f"{folder / INDEX} has no usable weight_map.", AGAIN)
        return set(shards)
    return {SINGLE} if (folder / SINGLE).is_file() else None


def _announced(folder: Path) -> int | None:
    if not (folder / INDEX).is_file():
        return None
    metadata = _object(_json(folder / INDEX, LARGEST_INDEX).get("metadata")) or {}
    total = metadata.get("total_size")
    return total if type(total) is int and 0 < total < 2**50 else None


def _parsers(folder: Path, raw: dict[str, Any]) -> tuple[str, str]:
    """The parsers for a folder: by the signs of Kimi in its chat template, else by its name and architecture."""
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        path = folder / name
        if path.is_file() and path.stat().st_size <= LARGEST_TEMPLATE:
            text = path.read_text(encoding="utf-8", errors="replace")
            if TOOL_SIGN in text:
                return "kimi_k2", "kimi_k2" if "<think>" in text else ""
    return _parsers_by_name(_name(folder), raw)


def _name(folder: Path) -> str:
    """The folder's name; in Hugging Face's cache, where that is a revision, the repository's."""
    whole = folder.resolve()
    repository = whole.parent.parent.name
    if whole.parent.name == "snapshots" and repository.startswith("models--"):
        return repository.split("--")[-1]
    return whole.name


def _parsers_by_name(name: str, raw: dict[str, Any]) -> tuple[str, str]:
    architectures = raw.get("architectures") or []
    if KIMI in architectures or raw.get("model_type") == "kimi_k2":
        return "kimi_k2", "kimi_k2"
    if "Qwen3MoeForCausalLM" in architectures or "Qwen3ForCausalLM" in architectures:
        return ("qwen3_coder", "") if "coder" in name.lower() else ("qwen25", "qwen3")
    return "", ""
