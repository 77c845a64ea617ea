"""Messages to the tokens of a prompt, as a checkpoint's own tokenizer and template would have them.

Whatever is in the messages stays text: a character that they do not contain, the guard, is put into every name of a
control token that they could spell, also across the borders of two strings, and taken out before text is encoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.errors import RequestRefused
from backend.text.template import ChatTemplate
from backend.text.tokenizer import Tokenizer
from backend.text.tool_declarations import checked_size, in_order, typescript

OWN_VARIABLES = frozenset({"messages", "tools", "tools_ts_str", "add_generation_prompt"})
THOUGHT = "<think>"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a prompt is made of. ``variables`` are the request's ``chat_template_kwargs``."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    goes_on: bool = False
    """Whether the last message, the assistant's, is to be gone on with instead of answered."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens, and whether the answer begins inside the model's thoughts."""

    tokens: list[int]
    thinking: bool


class Prompter:
    """Makes prompts for one checkpoint. ``template`` is None where the checkpoint has none."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None) -> None:
        self._tokenizer = tokenizer
        self._template = template

    def prompt(self, conversation: Conversation) -> Prompt:
        """Blocks while the template is rendered. Raises RequestRefused."""
        if self._template is None:
            raise RequestRefused(
                "This checkpoint has no chat template, so it takes no messages.", "Use /v1/completions instead."
            )
        variables = dict(conversation.variables)
        taken = sorted(OWN_VARIABLES & variables.keys())
        if taken:
            raise RequestRefused(f"chat_template_kwargs may not set {', '.join(taken)}.", "Leave it out.")
        checked_size(variables, "chat_template_kwargs")
        text, guard = self._rendered(conversation, variables)
        if conversation.goes_on:
            text = _unfinished(text)
        thinking = text.rstrip().endswith(THOUGHT)
        return Prompt(self._tokenizer.encode_template(text, guard), thinking)

    def _rendered(self, conversation: Conversation, variables: dict[str, Any]) -> tuple[str, str]:
        assert self._template is not None
        tools = in_order(list(conversation.tools)) or None
        given: dict[str, Any] = {"thinking": True, "preserve_thinking": False, **variables}
        given |= {"messages": list(conversation.messages), "tools": tools}
        if tools:
            given["tools_ts_str"] = typescript(tools)
        guard = _unused(given)
        safe = _Guarded(self._tokenizer.control_starts, guard).value(given)
        safe["add_generation_prompt"] = not conversation.goes_on
        return self._template.render(safe), guard


def _unfinished(text: str) -> str:
    """Without the token that ends the last turn."""
    end = text.rfind("<|im_end|>")
    return text[:end] if end >= 0 else text


class _Guarded:
    """Values with the guard behind every character that a control token's name begins with."""

    def __init__(self, starts: frozenset[str], guard: str) -> None:
        self._starts = re.compile(f"[{re.escape(''.join(sorted(starts)))}]") if starts else None
        self._guard = guard

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._starts.sub(lambda found: found.group() + self._guard, value) if self._starts else value
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value


def _unused(value: Any) -> str:
    """A noncharacter or a private one that is nowhere in the value."""
    seen: set[str] = set()
    _gather(value, seen)
    for code in (*range(0xFDD0, 0xFDF0), *range(0xE000, 0xF900)):
        if chr(code) not in seen:
            return chr(code)
    raise RequestRefused("The messages hold every private character of Unicode.", "Send text.")


def _gather(value: Any, seen: set[str]) -> None:
    if isinstance(value, str):
        seen.update(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _gather(key, seen)
            _gather(item, seen)
    elif isinstance(value, list):
        for item in value:
            _gather(item, seen)
