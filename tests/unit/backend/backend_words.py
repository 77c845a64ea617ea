"""Tokenizers for tests of text: that of a tiny checkpoint, and one in Kimi's own form."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from backend.api.testing import write_words
from backend.text.tokenizer import Tokenizer, read_tokenizer

KIMI_NAMES = ("[BOS]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>", "<think>", "</think>")


@cache
def words_folder() -> Path:
    folder = Path(mkdtemp(prefix="words-"))
    write_words(folder)
    return folder


@cache
def tiny_tokenizer() -> Tokenizer:
    return read_tokenizer(words_folder())


MERGED = (b"th", b"the", b" t", b" the", b"\xe4\xbd", b"\xe4\xbd\xa0")


def write_kimi(folder: Path) -> None:
    """``tiktoken.model`` and what names its control tokens."""
    tokens = [bytes([byte]) for byte in range(256)] + list(MERGED)
    lines = [f"{base64.b64encode(token).decode()} {rank}" for rank, token in enumerate(tokens)]
    (folder / "tiktoken.model").write_text("\n".join(lines) + "\n")
    named = {str(len(tokens) + at): {"content": name, "special": True} for at, name in enumerate(KIMI_NAMES)}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": named, "eos_token": "[EOS]"}))
