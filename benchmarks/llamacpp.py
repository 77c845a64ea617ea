"""llama.cpp beside the engine, where its shared libraries are: the same weights and tokens, through its C interface.

Its prebuilt libraries come in npm's ``@node-llama-cpp/linux-x64``, with kernels for every kind of processor, of which
the best is taken. Nothing of Node.js is used. Only the first four fields of the parameters are set, whose default
values are looked at before: they have kept their places for years, while those behind them move.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int8, c_int32, c_uint8, c_uint32, c_void_p
from pathlib import Path
from typing import Any

VARIABLE = "CLAWGROUPS_LLAMA_CPP"
"""The folder with libllama and libggml; else that of ``npm install --prefix build/llama.cpp``."""
USUAL = Path("build/llama.cpp/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64")
ROOM = 512
"""Bytes behind the known fields: more than any version has, since structures are handed over by value."""
DEFAULTS = (512, 2048, 512, 1)
"""llama.cpp's own values of the first four fields of ``llama_context_params``."""


class ModelParams(ctypes.Structure):
    """``llama_model_params``, whatever it holds."""

    _fields_ = [("rest", c_uint8 * ROOM)]


class ContextParams(ctypes.Structure):
    """``llama_context_params`` as far as it is needed: tokens in all, in a call, at once, and sequences."""

    _fields_ = [
        ("context", c_uint32),
        ("batch", c_uint32),
        ("at_once", c_uint32),
        ("sequences", c_uint32),
        ("rest", c_uint8 * ROOM),
    ]


class Batch(ctypes.Structure):
    """``llama_batch``: arrays with an entry a token."""

    _fields_ = [
        ("count", c_int32),
        ("token", POINTER(c_int32)),
        ("embedding", POINTER(c_float)),
        ("position", POINTER(c_int32)),
        ("sequences", POINTER(c_int32)),
        ("sequence", POINTER(POINTER(c_int32))),
        ("wanted", POINTER(c_int8)),
    ]


Log = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "llama_log_set": (None, [Log, c_void_p]),
    "llama_backend_init": (None, []),
    "llama_model_default_params": (ModelParams, []),
    "llama_context_default_params": (ContextParams, []),
    "llama_model_load_from_file": (c_void_p, [c_char_p, ModelParams]),
    "llama_init_from_model": (c_void_p, [c_void_p, ContextParams]),
    "llama_set_n_threads": (None, [c_void_p, c_int32, c_int32]),
    "llama_get_memory": (c_void_p, [c_void_p]),
    "llama_memory_clear": (None, [c_void_p, c_bool]),
    "llama_memory_seq_rm": (c_bool, [c_void_p, c_int32, c_int32, c_int32]),
    "llama_batch_init": (Batch, [c_int32, c_int32, c_int32]),
    "llama_batch_free": (None, [Batch]),
    "llama_decode": (c_int32, [c_void_p, Batch]),
    "llama_synchronize": (None, [c_void_p]),
    "llama_get_logits_ith": (POINTER(c_float), [c_void_p, c_int32]),
    "llama_free": (None, [c_void_p]),
    "llama_model_free": (None, [c_void_p]),
}


def absent() -> str | None:
    """Why llama.cpp can't be measured here, in words; None where it can."""
    if not _libraries(_folder()):
        return f"no libllama in {_folder()}; see docs/benchmarks.md, or set {VARIABLE} to its folder"
    if importlib.util.find_spec("gguf") is None:
        return "the Python package gguf is missing"
    return None


def _folder() -> Path:
    return Path(os.environ.get(VARIABLE) or USUAL).absolute()


def _libraries(folder: Path) -> tuple[Path, Path] | None:
    """libllama and libggml; versions may stand in their names."""
    found = [
        sorted(folder.glob(pattern)) for pattern in ("libllama.so", "libllama.v*.so", "libggml.so", "libggml.v*.so")
    ]
    llama, ggml = found[0] + found[1], found[2] + found[3]
    return (llama[0], ggml[0]) if llama and ggml else None


class Library:
    """The loaded libraries. Raises RuntimeError where they are not as expected."""

    def __init__(self) -> None:
        found = _libraries(_folder())
        if found is None:
            raise RuntimeError(absent())
        ggml = ctypes.CDLL(str(found[1]))
        self.call = ctypes.CDLL(str(found[0]))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self.call, name)
            function.restype, function.argtypes = result, arguments
        self._said: list[str] = []
        self._log = Log(self._keep)  # must live as long as the library
        self.call.llama_log_set(self._log, None)
        ggml.ggml_backend_load_all_from_path.argtypes = [c_char_p]
        ggml.ggml_backend_load_all_from_path(str(_folder()).encode())
        self.call.llama_backend_init()
        params = self.call.llama_context_default_params()
        first = (params.context, params.batch, params.at_once, params.sequences)
        if first != DEFAULTS:
            raise RuntimeError(f"this llama.cpp has other parameters: they begin with {first}, not {DEFAULTS}")

    def _keep(self, level: int, text: bytes, data: object) -> None:
        self._said = [*self._said[-20:], text.decode(errors="replace")]

    @property
    def said(self) -> str:
        """The last that it logged, for errors."""
        return "".join(self._said)


class LlamaCpp:
    """One model with its context: ``sequences`` of ``length`` tokens each at most."""

    def __init__(self, file: Path, threads: int, sequences: int, length: int) -> None:
        self._library = Library()
        self._call = self._library.call
        self._model = self._call.llama_model_load_from_file(str(file).encode(), self._call.llama_model_default_params())
        if not self._model:
            raise RuntimeError(f"llama.cpp can't load {file.name}: {self._library.said}")
        params = self._call.llama_context_default_params()
        params.context, params.sequences = sequences * length, sequences
        self._context = self._call.llama_init_from_model(self._model, params)
        if not self._context:
            raise RuntimeError(f"llama.cpp gives no context: {self._library.said}")
        self._call.llama_set_n_threads(self._context, threads, threads)
        self._memory = self._call.llama_get_memory(self._context)
        self._batch = self._call.llama_batch_init(max(length, sequences), 0, 1)

    def forward(self, rows: list[tuple[int, int, int]]) -> None:
        """Compute (token, position, sequence) of each row; logits are kept of the last row of every sequence."""
        batch = self._batch
        batch.count = len(rows)
        last = {sequence: row for row, (_, _, sequence) in enumerate(rows)}
        for row, (token, position, sequence) in enumerate(rows):
            batch.token[row], batch.position[row] = token, position
            batch.sequences[row], batch.sequence[row][0] = 1, sequence
            batch.wanted[row] = last[sequence] == row
        if failed := self._call.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp failed with {failed}: {self._library.said}")
        self._call.llama_synchronize(self._context)

    def logits(self, row: int, vocabulary: int) -> list[float]:
        """Those of a row of the last call."""
        return list(self._call.llama_get_logits_ith(self._context, row)[:vocabulary])

    def clear(self) -> None:
        """Forget all tokens."""
        self._call.llama_memory_clear(self._memory, False)

    def cut(self, sequence: int, length: int) -> None:
        """Forget what comes after ``length`` tokens."""
        if not self._call.llama_memory_seq_rm(self._memory, sequence, length, -1):
            raise RuntimeError("llama.cpp can't forget single tokens")

    def close(self) -> None:
        """Give back its memory."""
        self._call.llama_batch_free(self._batch)
        self._call.llama_free(self._context)
        self._call.llama_model_free(self._model)
