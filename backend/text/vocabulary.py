"""A checkpoint's vocabulary in either of its two forms, read and checked: ``tokenizer.json``, ``tiktoken.model``.

Either way ordinary text is encoded by a well-kept library (``tokenizers``, ``tiktoken``) that is told of no control
token at all, so that no text can become one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import CheckpointError

LARGEST_JSON = 256 * 2**20  # bytes; those of large vocabularies have some 20 MiB
LARGEST_MODEL = 64 * 2**20
MOST_TOKENS = 2**24
RESERVED = 256  # control tokens that Kimi's vocabulary has behind its ordinary ones, named or not
AGAIN = "Download the checkpoint again."

# How Kimi's tokenizer cuts text before merging (tokenization_kimi.py of Kimi K2): runs of Han, words with their
# contractions, up to three digits, punctuation, line ends, blanks.
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
_LEAD, _CONTRACTION = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
KIMI_PATTERN = "|".join(
    (
        r"[\p{Han}]+",
        f"{_LEAD}{_UPPER}*{_LOWER}+{_CONTRACTION}",
        f"{_LEAD}{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
# tiktoken overflows its stack on longer text; these two limits are those of Kimi's tokenizer, so cuts agree with it.
_BLOCK, _RUN = 400_000, 25_000
_RUNS = re.compile(r"\s+|\S+")  # without a least length, by which each place would be tried again


@dataclass(frozen=True)
class Vocabulary:
    """``encode`` knows ordinary text only; ``tokens`` are the bytes of each id (b"" where there is none)."""

    encode: Callable[[str], list[int]]
    tokens: list[bytes]
    controls: dict[str, int]


def read_json(path: Path, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint. Raises CheckpointError."""
    try:
        if path.stat().st_size > largest:
            raise CheckpointError(f"{path} is larger than any such file is.", AGAIN)
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as bad:
        raise CheckpointError(f"{path} cannot be read: {bad}.", AGAIN) from bad
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is not a JSON object.", AGAIN)
    return found


# --- tokenizer.json ----------------------------------------------------------------------------------------


def from_tokenizer_json(path: Path) -> Vocabulary:
    """Byte-level BPE, and BPE with byte fallback, as ``tokenizers`` writes them. Raises CheckpointError."""
    from tokenizers import Tokenizer

    raw = read_json(path)
    added = raw.get("added_tokens") or []
    try:
        controls = {str(one["content"]): int(one["id"]) for one in added}
        vocabulary = {str(token): int(number) for token, number in raw["model"]["vocab"].items()}
        ordinary = raw | {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
        encoder = Tokenizer.from_str(json.dumps(ordinary))
    except Exception as bad:  # what is wrong inside, tokenizers tells by a plain Exception
        raise CheckpointError(f"{path} is no tokenizer: {str(bad)[:300]}.", AGAIN) from bad
    tokens = _bytes_of(vocabulary, controls, _decoding(raw, path), path)
    return Vocabulary(lambda text: list(encoder.encode(text, add_special_tokens=False).ids), tokens, controls)


def _decoding(raw: dict[str, Any], path: Path) -> Callable[[str], bytes]:
    kinds = set(re.findall(r'"type":\s*"(\w+)"', json.dumps([raw.get("decoder"), raw.get("pre_tokenizer")])))
    if "ByteLevel" in kinds:
        alphabet = _byte_alphabet()
        return lambda token: bytes(alphabet[character] for character in token)
    if kinds & {"ByteFallback", "Metaspace", "Replace"}:
        return _fallback
    raise CheckpointError(
        f"{path}: a tokenizer of the kinds {sorted(kinds)} is not supported.", "Byte-level BPE is, and byte fallback."
    )


def _fallback(token: str) -> bytes:
    if re.fullmatch(r"<0x[0-9A-Fa-f]{2}>", token):
        return bytes([int(token[3:5], 16)])
    return token.replace("▁", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for bytes: themselves where printable in Latin-1, else counted up from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


def _bytes_of(
    vocabulary: dict[str, int], controls: dict[str, int], decode: Callable[[str], bytes], path: Path
) -> list[bytes]:
    numbers = [*vocabulary.values(), *controls.values()]
    if not numbers or min(numbers) < 0 or max(numbers) >= MOST_TOKENS:
        raise CheckpointError(f"{path}: its token ids do not lie between 0 and {MOST_TOKENS}.", AGAIN)
    tokens = [b""] * (max(numbers) + 1)
    control_ids = set(controls.values())
    for token, number in vocabulary.items():
        if number not in control_ids:
            try:
                tokens[number] = decode(token)
            except KeyError as odd:
                raise CheckpointError(
                    f"{path}: token {number} has the character {odd}, which is no byte.", AGAIN
                ) from odd
    for name, number in controls.items():
        tokens[number] = name.encode()
    return tokens


# --- tiktoken.model ----------------------------------------------------------------------------------------


def from_tiktoken(path: Path, named: dict[int, str]) -> Vocabulary:
    """Kimi's vocabulary; ``named`` are the control tokens of ``tokenizer_config.json``. Raises CheckpointError."""
    import tiktoken

    ranks = _ranks(path)
    first = len(ranks)
    numbers = range(first, first + RESERVED)
    outside = sorted(number for number in named if number not in numbers)
    if outside:
        raise CheckpointError(
            f"{path} has {first} tokens, but tokenizer_config.json names the control tokens {outside[:5]}.",
            "The two files are of different models: take both from one.",
        )
    controls = {named.get(number, f"<|reserved_token_{number}|>"): number for number in numbers}
    try:
        encoding = tiktoken.Encoding(name=path.name, pat_str=KIMI_PATTERN, mergeable_ranks=ranks, special_tokens={})
    except (ValueError, KeyError, AssertionError) as bad:
        raise CheckpointError(f"{path} is no vocabulary: {bad}.", AGAIN) from bad
    tokens = [b""] * (first + RESERVED)
    for token, rank in ranks.items():
        tokens[rank] = token
    for name, number in controls.items():
        tokens[number] = name.encode()
    return Vocabulary(lambda text: [t for cut in _cuts(text) for t in encoding.encode_ordinary(cut)], tokens, controls)


def _ranks(path: Path) -> dict[bytes, int]:
    try:
        if path.stat().st_size > LARGEST_MODEL:
            raise CheckpointError(f"{path} is larger than any such file is.", AGAIN)
        lines = path.read_bytes().splitlines()
        pairs = (line.split() for line in lines if line)
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except (OSError, ValueError, binascii.Error) as bad:
        raise CheckpointError(f"{path} cannot be read: {bad}.", AGAIN) from bad
    if not ranks or sorted(ranks.values()) != list(range(len(ranks))):
        raise CheckpointError(f"{path}: its ranks are not 0, 1, 2 and so on.", AGAIN)
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise CheckpointError(f"{path} has no token for the bytes {missing[:5]}, so not every text fits it.", AGAIN)
    return ranks


def _cuts(text: str) -> Iterator[str]:
    for begin in range(0, len(text), _BLOCK):
        block, start = text[begin : begin + _BLOCK], 0
        for run in _RUNS.finditer(block):
            for cut in range(run.start() + _RUN, run.end(), _RUN):
                yield block[start:cut]
                start = cut
        yield block[start:]
