"""Loading: what is refused, in which words, and that it takes no memory for what lies in the files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_model_kit import checkpoint, loaded, prompt, whole
from safetensors.torch import load_file, save_file

from backend.engine.model import compiler
from backend.engine.weights import load
from backend.errors import CheckpointError

Tensors = dict[str, torch.Tensor]
EXPERT = "model.layers.1.mlp.experts.3.gate_proj"


def _changed(folder: Path, change: Callable[[Tensors], None], **config: Any) -> Path:
    """A copy of the small checkpoint in one shard, with its tensors and configuration changed."""
    source = checkpoint("default", True)
    tensors: Tensors = {}
    for shard in source.glob("*.safetensors"):
        tensors |= load_file(shard)
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    raw = json.loads((source / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, **config}))
    return folder


def _put(name: str, value: torch.Tensor) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: value})


def _nothing(_: Tensors) -> None:
    return None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("model.norm.weight"), "model.norm.weight [128] is missing"),
        (lambda t: t.pop(f"{EXPERT}.weight_scale"), f"{EXPERT}.weight_scale [64, 4] is missing"),
        (_put("model.layers.0.mlp.extra.weight", torch.zeros(2)), "mlp.extra.weight has no place"),
        (_put("stranger", torch.zeros(2)), "stranger has no place"),
        (_put("lm_head.weight", torch.zeros(512, 64).bfloat16()), "lm_head.weight is [512, 64], not [512, 128]"),
        (_put("lm_head.weight", torch.zeros(512, 128)), "lm_head.weight is F32, not BF16"),
        (_put(f"{EXPERT}.weight_packed", torch.zeros(64, 16)), "weight_packed is F32, not I32"),
        (_put(f"{EXPERT}.weight_scale", torch.ones(64, 1).bfloat16()), "with a group_size of 32"),
        (_put(f"{EXPERT}.weight_shape", torch.tensor([64, 120])), "says [64, 120], the weights differ"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(change: Callable[[Tensors], None], said: str, tmp_path: Path) -> None:
    folder = _changed(tmp_path, change)
    with pytest.raises(CheckpointError) as refused:
        load(folder, memory_tokens=512, context=512)
    assert said in refused.value.sentence
    assert str(folder) in refused.value.sentence
    assert refused.value.hint


def test_a_group_size_that_is_not_that_of_the_scales_is_said(tmp_path: Path) -> None:
    raw = json.loads((checkpoint("default", True) / "config.json").read_text())["quantization_config"]
    raw["config_groups"]["group_0"]["weights"]["group_size"] = 64
    folder = _changed(tmp_path, _nothing, quantization_config=raw)
    with pytest.raises(CheckpointError, match="with a group_size of 64"):
        load(folder, memory_tokens=512, context=512)
    raw["config_groups"]["group_0"]["weights"]["group_size"] = 96
    (folder / "config.json").write_text(
        json.dumps({**json.loads((folder / "config.json").read_text()), "quantization_config": raw})
    )
    with pytest.raises(CheckpointError, match="96"):
        load(folder, memory_tokens=512, context=512)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": 9000}, "made for 1 to 8192"),
        ({"context": 0}, "made for 1 to 8192"),
        ({"context": 600, "memory_tokens": 512}, "512 tokens cannot hold a context of 600"),
        ({"memory_tokens": 0}, "at least 1"),
        ({"page_size": 0}, "at least 1"),
        ({"memory_tokens": 2**44}, "no memory for a cache"),
    ],
)
def test_a_context_or_cache_that_cannot_be_had_is_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        load(checkpoint("default", True), **options)  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_what_the_language_model_does_not_use_may_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that only guesses ahead, and frequencies that older checkpoints carry."""

    def change(tensors: Tensors) -> None:
        tensors["model.layers.3.eh_proj.weight"] = torch.zeros(2)
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(2)

    same = loaded(monkeypatch, "compiled", checkpoint("default", True))
    model = loaded(monkeypatch, "compiled", _changed(tmp_path, change))
    assert torch.equal(whole(model, prompt(20)), whole(same, prompt(20)))


@pytest.mark.parametrize("kept", [True, False])
def test_a_tied_head_is_the_embedding_whether_or_not_it_is_written(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(tensors: Tensors) -> None:
        if not kept:
            del tensors["lm_head.weight"]

    model = loaded(monkeypatch, "compiled", _changed(tmp_path, change, tie_word_embeddings=True))
    assert model._weights.head.weight.data_ptr() == model._weights.embedding.data_ptr()


def test_the_cache_follows_what_is_asked_for() -> None:
    model = load(checkpoint("default", True), memory_tokens=1000, page_size=16, context=100)
    assert (model.page_count, model.page_size, model.context_length) == (63, 16, 100)
    model = load(checkpoint("default", True), memory_tokens=1000, page_size=8)
    assert (model.page_count, model.context_length) == (125, 1000)
    assert load(checkpoint("default", True)).context_length == 8192


def test_matrices_stay_in_the_mapped_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a checkpoint's bytes none is copied on the compiled path but norms and routers: the storage is the file's."""
    model = loaded(monkeypatch, "compiled", checkpoint("default", True))
    shards = {path.stat().st_size for path in checkpoint("default", True).glob("*.safetensors")}
    layer = model._weights.layers[1]
    expert = layer.mixing.experts[0].gate  # type: ignore[union-attr]
    for tensor in (model._weights.embedding, layer.attention.kv_b.weight, expert.packed, expert.scale):
        assert tensor.untyped_storage().nbytes() in shards


@pytest.mark.parametrize("compiler_path", ["/nowhere/g++", "/bin/false"])
def test_without_a_working_compiler_torch_alone_does_it_and_the_log_says_so(
    compiler_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", compiler_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = load(checkpoint("default", True), memory_tokens=512, context=512)
    assert model._native is None
    assert "the engine runs on torch alone" in caplog.text
    with_it = loaded(monkeypatch, "torch", checkpoint("default", True))
    assert torch.equal(whole(model, prompt(20)), whole(with_it, prompt(20)))


def test_the_library_is_built_once_and_anew_when_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiler.compiled() is not None
    folder = tmp_path / "clawgroups" / "backend"
    (first,) = folder.glob("*.so")
    built = first.stat().st_mtime_ns
    assert compiler.compiled() is not None
    assert first.stat().st_mtime_ns == built
    for name in compiler.PARTS:
        shutil.copy(compiler.SOURCE.with_name(name), tmp_path)
    with (tmp_path / "products.cpp").open("a") as source:
        source.write("// changed\n")
    monkeypatch.setattr(compiler, "SOURCE", tmp_path / "native.cpp")
    assert compiler.compiled() is not None
    assert len(list(folder.iterdir())) == 2, "two libraries, and nothing that was left of building"


def test_a_model_is_loaded_without_memory_for_its_weights(tmp_path: Path) -> None:
    """Loading 24 MB of INT4 experts adds far less than that of memory of the process's own."""
    from backend.tiny import make
    from backend.tiny.shape import Shape

    make(tmp_path / "m", shape=Shape(hidden=256, experts=96, inner=256, layers=3), seed=1)
    size = sum(path.stat().st_size for path in (tmp_path / "m").glob("*.safetensors"))
    assert size > 20e6
    script = f"""
import psutil, torch
from pathlib import Path
from backend.engine.weights import load
from backend.engine.model.compiler import compiled
compiled()
before = psutil.Process().memory_full_info().uss
model = load(Path({str(tmp_path / "m")!r}), memory_tokens=512, context=512)
print(psutil.Process().memory_full_info().uss - before)
"""
    grown = int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout)
    assert grown < size / 3
