"""Quantizes a checkpoint shard by shard, in bounded memory; a second run goes on where the first was ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.checkpoint.config import KIMI
from backend.checkpoint.index import INDEX, SINGLE
from backend.checkpoint.kimi import int4_config
from backend.errors import BackendError, CheckpointError
from backend.quantize.journal import Journal
from backend.quantize.parts import Part, parts_of, unpacked_modules
from backend.quantize.report import Report
from backend.quantize.shard import PARTIAL, ShardWriter, not_written, sync_folder
from backend.quantize.source import Source

REPORT = "quantize_report.json"
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", PARTIAL)
LARGEST_COPY = 256 * 2**20
"""Bytes; a tokenizer has some 20 million."""
SPARE = 64 * 2**20
"""Bytes to be free beside the shards: tokenizer, template and such."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: bytes of the result, and the shard in work."""

    shard: str
    number: int
    shards: int
    done: int
    total: int


def quantize(
    source: Path, target: Path, *, group_size: int = 32, told: Callable[[Progress], None] | None = None
) -> Report:
    """Write the checkpoint ``source`` to the new folder ``target`` with routed experts in INT4.

    Everything else becomes bf16 (the routers' bias stays float32); tokenizer, template and the like are copied. The
    report also lies in ``quantize_report.json``. Raises CheckpointError for a source that is damaged, of another
    architecture or quantized already, for weights that are not finite and for a target that holds something else;
    BackendError when the target cannot be written.
    """
    if target.resolve() == source.resolve():
        raise CheckpointError("Source and target are the same folder.", "Name a new folder for the result.")
    origin = Source(source)
    plan = {shard: parts_of(origin, shard, group_size) for shard in origin.shards}
    plan = {shard: parts for shard, parts in plan.items() if parts}
    if not any(part.layer for parts in plan.values() for part in parts):
        raise CheckpointError(f"{source} has no routed experts.", "There is nothing to quantize.")
    try:
        journal = Journal(target, {"source": origin.fingerprint, "group_size": group_size})
    except OSError as error:
        raise not_written(target, error) from error
    try:
        return _run(origin, target, plan, journal, group_size, told)
    finally:
        journal.close()


def _run(
    origin: Source,
    target: Path,
    plan: dict[str, list[Part]],
    journal: Journal,
    group: int,
    told: Callable[[Progress], None] | None,
) -> Report:
    sizes = {shard: sum(part.size for part in parts) for shard, parts in plan.items()}
    _check_room(target, sum(size for shard, size in sizes.items() if shard not in journal.done))
    before = 0
    report = Report()
    for number, (shard, parts) in enumerate(plan.items(), 1):
        if shard not in journal.done:
            heard = _Heard(told, Progress(shard, number, len(plan), before, sum(sizes.values())))
            journal.record(shard, ShardWriter(origin, target / shard, group, heard).write(parts))
        report.join(journal.done[shard].report)
        before += sizes[shard]
    _finish(origin, target, plan, group, report)
    journal.finish()
    return report


class _Heard:
    """Makes bytes that are written into progress that is told."""

    def __init__(self, told: Callable[[Progress], None] | None, progress: Progress) -> None:
        self._told = told
        self._at = progress

    def __call__(self, count: int) -> None:
        at = self._at
        self._at = Progress(at.shard, at.number, at.shards, min(at.total, at.done + count), at.total)
        if self._told is not None:
            self._told(self._at)


def _check_room(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target).free
    if free < needed + SPARE:
        raise BackendError(
            f"{target} needs {(needed + SPARE) / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free there.",
            "Make room and run the same command.",
        )


def _finish(origin: Source, target: Path, plan: dict[str, list[Part]], group: int, report: Report) -> None:
    """Everything but the shards."""
    try:
        for path in sorted(origin.folder.iterdir()):
            if _is_copied(path):
                shutil.copyfile(path, target / path.name)
        _write(target / REPORT, {"group_size": group, **report.as_json()})
        if set(plan) != {SINGLE}:
            _write(target / INDEX, _index(plan))
        _write(target / "config.json", _config(origin, group))
        sync_folder(target)
    except OSError as error:
        raise not_written(target, error) from error


def _is_copied(path: Path) -> bool:
    made = (INDEX, "config.json", REPORT)
    plain = path.is_file() and not path.name.startswith(".") and path.name not in made
    weights = path.name.endswith((*WEIGHTS, ".index.json"))
    return plain and not weights and path.stat().st_size <= LARGEST_COPY


def _index(plan: dict[str, list[Part]]) -> dict[str, Any]:
    where = {output.name: shard for shard, parts in plan.items() for part in parts for output in part.outputs}
    total = sum(part.size for parts in plan.values() for part in parts)
    return {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}


def _config(origin: Source, group: int) -> dict[str, Any]:
    """The source's configuration, which now says that it is quantized; Kimi's says so in two places."""
    sees = origin.config.architecture == KIMI
    quantized = int4_config(group, sees=sees, more=unpacked_modules(origin))
    raw = dict(origin.raw)
    if sees:
        raw["text_config"] = _as_bf16(raw["text_config"]) | {"quantization_config": quantized}
    return _as_bf16(raw) | {"quantization_config": quantized}


def _as_bf16(raw: dict[str, Any]) -> dict[str, Any]:
    return raw | {name: "bfloat16" for name in ("dtype", "torch_dtype") if name in raw}


def _write(path: Path, value: Any) -> None:
    partial = path.with_name(path.name + PARTIAL)
    partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
