"""The tokenizer of a small checkpoint: byte-level BPE learnt from a page of text, and Kimi's special tokens.

The special tokens are the last ``SPECIAL`` ids, in the order of Kimi K2's 163584 and on, so that relative places hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from backend.tiny.page import TEXT

SPECIAL = 64
NAMED = {
    0: "[BOS]", 1: "[EOS]", 2: "<|im_end|>", 3: "<|im_user|>", 4: "<|im_assistant|>", 6: "<|start_header_id|>",
    7: "<|end_header_id|>", 9: "[EOT]", 10: "<|im_system|>", 11: "<|tool_calls_section_begin|>",
    12: "<|tool_calls_section_end|>", 13: "<|tool_call_begin|>", 14: "<|tool_call_argument_begin|>",
    15: "<|tool_call_end|>", 17: "<|im_middle|>", 18: "<|media_begin|>", 19: "<|media_content|>",
    20: "<|media_end|>", 21: "<|media_pad|>", 22: "<think>", 23: "</think>", 62: "[UNK]", 63: "[PAD]",
}  # fmt: skip
"""By how far they stand from the first special token."""
SEEN = frozenset({11, 12, 13, 14, 15, 22, 23})
"""Those that stay in decoded text: parsers of tool calls and of reasoning look for them there."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer and the ids that configurations name. ``printable`` are the tokens of whole, visible characters."""

    tokenizer: Tokenizer
    first_special: int
    printable: tuple[int, ...]

    @property
    def bos(self) -> int:
        return self.first_special

    @property
    def eos(self) -> int:
        return self.first_special + 1

    @property
    def end_of_message(self) -> int:
        return self.first_special + 2

    @property
    def media_pad(self) -> int:
        return self.first_special + 21

    @property
    def pad(self) -> int:
        return self.first_special + 63


def vocabulary(size: int) -> Vocabulary:
    """A tokenizer of ``size`` tokens, at least 512."""
    ordinary = size - SPECIAL
    tokens, merges = _learnt(ordinary)
    for letters in product(ascii_lowercase, repeat=4):  # never made of text, but any id can be shown
        if len(tokens) == ordinary:
            break
        tokens.setdefault("".join(letters), len(tokens))
    tokenizer = _byte_level(BPE(tokens, merges))
    tokenizer.add_tokens([_special(place) for place in range(SPECIAL)])
    printable = tuple(sorted(number for text, number in tokens.items() if _is_printable(text)))
    return Vocabulary(tokenizer, ordinary, printable)


def _byte_level(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _learnt(size: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    tokenizer = _byte_level(BPE())
    trainer = BpeTrainer(
        vocab_size=size, min_frequency=1, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def _special(place: int) -> AddedToken:
    text = NAMED.get(place, f"<|reserved_token_{place}|>")
    return AddedToken(text, special=place not in SEEN, normalized=False)


def _is_printable(token: str) -> bool:
    """Whether a token of the byte alphabet is visible ASCII, with a space before it or not."""
    text = token.replace("Ġ", " ")
    return text.isascii() and text.isprintable() and bool(text.strip())


def tokenizer_config(context: int) -> dict[str, Any]:
    """``tokenizer_config.json``."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": NAMED[0],
        "eos_token": NAMED[1],
        "unk_token": NAMED[62],
        "pad_token": NAMED[63],
        "additional_special_tokens": [text for place, text in NAMED.items() if 2 <= place < 62 and place not in SEEN],
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
