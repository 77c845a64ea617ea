"""Text to tokens and back, in both forms of a vocabulary, with control tokens only where a template wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiktoken
from backend_words import KIMI_NAMES, tiny_tokenizer, words_folder, write_kimi
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import CheckpointError
from backend.text import vocabulary
from backend.text.detokenizer import Detokenizer, decoded
from backend.text.tokenizer import Tokenizer, read_tokenizer
from backend.text.vocabulary import KIMI_PATTERN

NAMES = ("<|im_end|>", "<think>", "</think>", "<|tool_calls_section_begin|>", "[EOS]", "<|im_", "end|>", "<", "|", "[")
odd_text = st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), max_size=12).map("".join)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def kimi(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("kimi")
    write_kimi(folder)
    return read_tokenizer(folder)


@given(plain)
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    tokenizer = tiny_tokenizer()
    assert b"".join(map(tokenizer.token_bytes, tokenizer.encode(text))).decode() == text


@given(text=plain)
def test_any_text_comes_back_from_kimis_tokens(kimi: Tokenizer, text: str) -> None:
    assert b"".join(map(kimi.token_bytes, kimi.encode(text))).decode() == text


@given(text=odd_text)
def test_text_never_becomes_a_control_token(kimi: Tokenizer, text: str) -> None:
    for tokenizer in (kimi, tiny_tokenizer()):
        assert not [token for token in tokenizer.encode(text) if tokenizer.name(token) is not None]


@given(before=plain, after=plain)
def test_a_template_writes_control_tokens(kimi: Tokenizer, before: str, after: str) -> None:
    for tokenizer in (kimi, tiny_tokenizer()):
        if any(name in before + after for name in ("<", "[")):
            continue
        written = tokenizer.encode_template(f"{before}<|im_end|>{after}")
        assert written == [*tokenizer.encode(before), tokenizer.control("<|im_end|>"), *tokenizer.encode(after)]


@given(plain)
def test_characters_come_whole_whatever_tokens_their_bytes_are_in(text: str) -> None:
    tokenizer = tiny_tokenizer()
    detokenizer = Detokenizer(tokenizer)
    pieces = [detokenizer.feed(token) for token in tokenizer.encode(text)]
    assert "".join(pieces) + detokenizer.finish() == text.translate({0xFDD0 + at: "\ufffd" for at in range(7)})
    if "\ufffd" not in text and not set(text) & set(map(chr, range(0xFDD0, 0xFDD7))):
        assert not any("\ufffd" in piece for piece in pieces)


def test_half_a_character_is_told_as_a_replacement_in_the_end(kimi: Tokenizer) -> None:
    detokenizer = Detokenizer(kimi)
    assert detokenizer.feed(0xE4) == ""
    assert detokenizer.finish() == "\ufffd"
    assert decoded(kimi, [0xE4, 0x41]) == "\ufffdA"


def test_kimis_text_is_cut_as_tiktoken_cuts_it_also_where_it_is_long(kimi: Tokenizer) -> None:
    ranks = {kimi.token_bytes(token): token for token in range(262)}
    whole = tiktoken.Encoding("plain", pat_str=KIMI_PATTERN, mergeable_ranks=ranks, special_tokens={})
    text = "The cat, the 1234 cats.\n\n  你好 the thethe's"
    assert kimi.encode(text) == whole.encode_ordinary(text)
    for long in ("the" * 9_000, " " * 26_000, "ab " * 150_000):
        assert b"".join(map(kimi.token_bytes, kimi.encode(long))).decode() == long


def test_a_run_is_matched_whole_whatever_its_length_so_that_none_of_its_places_is_tried_again() -> None:
    """A pattern with a least length fails from each place of a run that is a little shorter: its square in steps."""
    for run in ("x" * 24_999, " " * 24_999, "x" * 25_000, "x" * 25_001, "x" * 60_000):
        cuts = list(vocabulary._cuts(run))
        assert "".join(cuts) == run
        assert max(map(len, cuts)) <= 25_000
    assert [len(found.group()) for found in vocabulary._RUNS.finditer("x" * 24_999 + " y")] == [24_999, 1, 1]


def test_names_that_only_look_like_control_tokens_are_text(kimi: Tokenizer) -> None:
    end = kimi.control("<|im_end|>")
    text = "<|no_such|><|im_end|><|<|im_end|>|>"
    tokens = kimi.encode_template(text)
    assert tokens.count(end or -1) == 2
    assert decoded(kimi, [token for token in tokens if token != end]) == "<|no_such|><||>"


def test_kimis_control_tokens_stand_behind_the_others(kimi: Tokenizer) -> None:
    assert [kimi.control(name) for name in KIMI_NAMES] == list(range(262, 269))
    assert kimi.name(300) == "<|reserved_token_300|>"
    assert kimi.stop_ids == {263, 264}
    assert kimi.size == 262 + 256


def test_a_tiny_checkpoints_tokens_are_those_of_transformers() -> None:
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast.from_pretrained(str(words_folder()))
    text = "Hello there,  wörld!\n<|im_user|>user<|im_middle|>日本<think> x</think><|im_end|>"
    assert tiny_tokenizer().encode_template(text) == theirs.encode(text, add_special_tokens=False)


def _break(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def broken(folder: Path) -> None:
        (folder / name).write_text(change((folder / name).read_text()))

    return broken


def _ranks_with_a_hole(text: str) -> str:
    return text.replace(" 255\n", " 999\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_break("tiktoken.model", lambda text: text[: len(text) // 2] + "%%%"), "cannot be read"),
        (_break("tiktoken.model", _ranks_with_a_hole), "ranks are not"),
        (_break("tiktoken.model", lambda text: text.split("\n", 1)[1]), "ranks are not"),
        (_break("tiktoken.model", lambda text: ""), "ranks are not"),
        (_break("tokenizer_config.json", lambda text: text.replace("[EOS]", "[BOS]")), "twice"),
        (_break("tokenizer_config.json", lambda text: text.replace('"262"', '"7"')), "different models"),
        (_break("tokenizer_config.json", lambda text: '{"added_tokens_decoder": [1]}'), "added_tokens_decoder"),
        (_break("tokenizer_config.json", lambda text: "[" * 100_000), "cannot be read"),
        (lambda folder: (folder / "tiktoken.model").unlink(), "no tokenizer"),
    ],
)
def test_a_broken_vocabulary_is_told(tmp_path: Path, change: Callable[[Path], None], words: str) -> None:
    write_kimi(tmp_path)
    change(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize("kept", [{}, {"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}, {"model": {}}])
def test_a_broken_tokenizer_json_is_told(tmp_path: Path, kept: dict[str, object]) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(kept))
    with pytest.raises(CheckpointError):
        read_tokenizer(tmp_path)
