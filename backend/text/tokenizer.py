"""A checkpoint's tokenizer: text to tokens and back, with control tokens only where a template wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.errors import CheckpointError
from backend.text.signs import signs_of
from backend.text.vocabulary import AGAIN, Vocabulary, from_tiktoken, from_tokenizer_json, read_json

LARGEST_CONFIG = 16 * 2**20  # bytes
TURN_END = "<|im_end|>"
USUAL = re.compile(r"<\|[^<>|]{1,200}\|>")  # one look for all of them: a vocabulary has hundreds


class Tokenizer:
    """``stop_ids`` end an answer. ``size`` is one more than the largest id."""

    def __init__(self, vocabulary: Vocabulary, stop_ids: frozenset[int]) -> None:
        self._vocabulary = vocabulary
        self._names = {number: name for name, number in vocabulary.controls.items()}
        self.stop_ids = stop_ids
        self.size = len(vocabulary.tokens)
        self.signs: Mapping[int, str] = signs_of(vocabulary.controls)
        names = sorted(filter(None, vocabulary.controls), key=len, reverse=True)
        others = [re.escape(name) for name in names if not USUAL.fullmatch(name)]
        self._controls = re.compile("|".join([*others, USUAL.pattern])) if names else None
        self.control_starts = frozenset(name[0] for name in names)

    def encode(self, text: str) -> list[int]:
        """Tokens of ordinary text; the name of a control token in it is text like any other."""
        return self._vocabulary.encode(text.encode("utf-8", "replace").decode()) if text else []

    def encode_template(self, text: str, guard: str = "") -> list[int]:
        """Tokens of what a template wrote: names of control tokens become those, unless a ``guard`` stands in them.

        ``guard`` is a character that is taken out of the rest of the text.
        """
        tokens: list[int] = []
        at = 0
        for found in self._controls.finditer(text) if self._controls else ():
            if found.group() not in self._vocabulary.controls:
                continue
            tokens += self.encode(_unguarded(text[at : found.start()], guard))
            tokens.append(self._vocabulary.controls[found.group()])
            at = found.end()
        return tokens + self.encode(_unguarded(text[at:], guard))

    def token_bytes(self, token: int) -> bytes:
        """The bytes of a token, b"" for an id without one. A control token's are its name."""
        return self._vocabulary.tokens[token] if 0 <= token < self.size else b""

    def name(self, token: int) -> str | None:
        """The name of a control token; None for an ordinary one."""
        return self._names.get(token)

    def control(self, name: str) -> int | None:
        """The id of a control token; None where there is none of that name."""
        return self._vocabulary.controls.get(name)

    def for_grammars(self, vocab_size: int) -> Any:
        """This tokenizer as an ``llguidance.LLTokenizer`` for logits of ``vocab_size`` tokens. Takes about a second."""
        from llguidance import LLTokenizer, TokenizerWrapper

        ends = sorted(self.stop_ids) or [self.size - 1]
        return LLTokenizer(TokenizerWrapper(_Grammatical(self, ends[0])), n_vocab=vocab_size, eos_token=ends)


class _Grammatical:
    """What llguidance asks of a tokenizer. Control tokens are marked by a byte that no text has."""

    def __init__(self, tokenizer: Tokenizer, end: int) -> None:
        self.eos_token_id = end
        self.bos_token_id: int | None = None
        names = [tokenizer.name(token) for token in range(tokenizer.size)]
        self.special_token_ids = [token for token, name in enumerate(names) if name is not None]
        self.tokens = [tokenizer.token_bytes(token) for token in range(tokenizer.size)]
        self._tokenizer = tokenizer

    def __call__(self, text: bytes | str) -> list[int]:
        return self._tokenizer.encode(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def _unguarded(text: str, guard: str) -> str:
    return text.replace(guard, "") if guard else text


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of the checkpoint in ``folder``. Raises CheckpointError."""
    settings = _optional(folder / "tokenizer_config.json")
    if (folder / "tokenizer.json").is_file():
        vocabulary = from_tokenizer_json(folder / "tokenizer.json")
    elif (folder / "tiktoken.model").is_file():
        vocabulary = from_tiktoken(folder / "tiktoken.model", _named(settings, folder))
    else:
        raise CheckpointError(
            f"{folder} has no tokenizer: neither tokenizer.json nor tiktoken.model.",
            "Download them beside the weights.",
        )
    return Tokenizer(vocabulary, _stop_ids(folder, settings, vocabulary))


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path, LARGEST_CONFIG) if path.is_file() else {}


def _named(settings: dict[str, Any], folder: Path) -> dict[int, str]:
    try:
        listed = settings.get("added_tokens_decoder") or {}
        named = {int(number): str(token["content"]) for number, token in listed.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as bad:
        raise CheckpointError(f"{folder}/tokenizer_config.json: added_tokens_decoder: {bad!r}.", AGAIN) from bad
    if len(set(named.values())) != len(named) or not all(named.values()):
        raise CheckpointError(f"{folder}/tokenizer_config.json names a control token twice, or not at all.", AGAIN)
    return named


def _stop_ids(folder: Path, settings: dict[str, Any], vocabulary: Vocabulary) -> frozenset[int]:
    """Whatever any of the files says that an answer ends with, and the end of a turn."""
    ids: set[int] = set()
    config = _optional(folder / "config.json")
    inner = config.get("text_config")
    for source in (config, inner if isinstance(inner, dict) else {}, _optional(folder / "generation_config.json")):
        said = source.get("eos_token_id")
        ids |= {one for one in (said if isinstance(said, list) else [said]) if isinstance(one, int)}
    end = settings.get("eos_token")
    names = [end.get("content") if isinstance(end, dict) else end, TURN_END]
    ids |= {vocabulary.controls[name] for name in names if name in vocabulary.controls}
    return frozenset(one for one in ids if 0 <= one < len(vocabulary.tokens))
