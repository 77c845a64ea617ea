"""Kimi's control tokens that carry meaning inside an answer, and the characters that stand for them on their way.

A model writes these as tokens of their own. Text that merely spells one, in a tool's argument say, is no sign. So the
detokenizer turns the tokens into noncharacters of Unicode (U+FDD0 and on, which no text is meant to hold), and what
reads the answer looks for those. Names of the tokens: tool_call_guidance.md of Kimi K2.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

THINK = "\ufdd0"
THINK_END = "\ufdd1"
SECTION = "\ufdd2"
SECTION_END = "\ufdd3"
CALL = "\ufdd4"
ARGUMENTS = "\ufdd5"
CALL_END = "\ufdd6"

SPELLED = MappingProxyType(
    {
        THINK: "<think>",
        THINK_END: "</think>",
        SECTION: "<|tool_calls_section_begin|>",
        SECTION_END: "<|tool_calls_section_end|>",
        CALL: "<|tool_call_begin|>",
        ARGUMENTS: "<|tool_call_argument_begin|>",
        CALL_END: "<|tool_call_end|>",
    }
)
_WORDS = str.maketrans(dict(SPELLED))
_NO_SIGNS = str.maketrans(dict.fromkeys(SPELLED, "\ufffd"))


def spelled(text: str) -> str:
    """The text with every sign written out as its token is named."""
    return text.translate(_WORDS)


def without_signs(text: str) -> str:
    """Ordinary text in which nothing can be taken for a sign."""
    return text.translate(_NO_SIGNS)


def signed(text: str) -> str:
    """The text with the names of signs turned into signs; for stop strings, which may name one."""
    for sign, name in SPELLED.items():
        text = text.replace(name, sign)
    return text


def signs_of(controls: Mapping[str, int]) -> dict[int, str]:
    """Token id to sign, of those signs that are control tokens of a tokenizer."""
    return {controls[name]: sign for sign, name in SPELLED.items() if name in controls}
