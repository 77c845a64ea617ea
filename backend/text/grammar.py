"""What an answer has to look like, as a grammar for llguidance: JSON of a schema, or tool calls in Kimi's form.

Thoughts come first where the prompt has begun them, and are free; the sign that ends them is a token that free text
cannot contain. A schema that llguidance does not know, or that is too large, is refused before the request runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.errors import RequestRefused
from backend.text import signs
from backend.text.tokenizer import Tokenizer
from backend.text.tool_declarations import checked_size

LARGEST = 400 * 2**10  # characters of a grammar
MOST_SYMBOLS = 200_000
# A model that is free to write blanks may write nothing else: enough of them for a line's indent.
JSON_FORM = {"whitespace_pattern": r"[\x20\x0A\x09]{0,20}", "coerce_one_of": True}
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
_FREE = r"/(?s:.*)/"
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


@dataclass(frozen=True, slots=True)
class ToolForm:
    """The calls that an answer may or must have. ``schemas``: tool to its arguments' schema, free JSON for None."""

    schemas: Mapping[str, Mapping[str, Any] | None]
    required: bool
    several: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked of an answer: a schema of it or calls, after thoughts where ``thinking``."""

    thinking: bool = False
    schema: Mapping[str, Any] | None = None
    tools: ToolForm | None = None
    regex: str | None = None


def grammar(form: Form, tokenizer: Tokenizer) -> str | None:
    """The grammar, checked; None where nothing is asked. Takes up to a second. Raises RequestRefused."""
    rules = _rules(form, tokenizer)
    if rules is None:
        return None
    begin = ["start: thought body", *_thought(tokenizer)] if form.thinking else ["start: body"]
    lark = "\n".join(begin + rules)
    if len(lark) > LARGEST:
        raise RequestRefused(f"The schema is larger than {LARGEST // 1024} KiB.", "Send a smaller one.")
    made = json.dumps({"grammars": [{"lark_grammar": lark}]})
    _check(made)
    return made


def _rules(form: Form, tokenizer: Tokenizer) -> list[str] | None:
    if form.regex is not None:
        return [f"body: {_regex(form.regex)}"]
    if form.schema is not None:
        return [f"body: {_json(form.schema)}"]
    if form.tools is not None:
        return _calls(form.tools, tokenizer)
    return None


def _thought(tokenizer: Tokenizer) -> list[str]:
    name = signs.SPELLED[signs.THINK_END]
    end = tokenizer.control(name)
    if end is None:
        return [f"thought[suffix={json.dumps(name)}]: {_FREE}"]
    return [f"thought: {_FREE} <[{end}]>"]


def _calls(form: ToolForm, tokenizer: Tokenizer) -> list[str]:
    named = {sign: tokenizer.control(signs.SPELLED[sign]) for sign in signs.SPELLED}
    missing = [signs.SPELLED[sign] for sign in (signs.SECTION, signs.CALL, signs.ARGUMENTS) if named[sign] is None]
    if missing:
        raise RequestRefused(
            f"This checkpoint has no token {missing[0]}, so calls cannot be demanded of it.",
            "Leave tool_choice and strict out.",
        )
    mark = {sign: f"<[{number}]>" for sign, number in named.items()}
    section = f"{mark[signs.SECTION]} call{'+' if form.several else ''} {mark[signs.SECTION_END]}"
    rules = [f"body: {section}" if form.required else f"body: {_FREE} ({section})?"]
    choices = [f"call_{number}" for number in range(len(form.schemas))]
    rules.append(f"call: {mark[signs.CALL]} ({' | '.join(choices)}) {mark[signs.CALL_END]}")
    for rule, (name, schema) in zip(choices, form.schemas.items(), strict=True):
        begin = json.dumps(f"functions.{name}:")
        rules.append(f"{rule}: {begin} /[0-9]{{1,4}}/ {mark[signs.ARGUMENTS]} {_json(schema or ANY_OBJECT)}")
    return rules


def _json(schema: Mapping[str, Any]) -> str:
    checked_size(schema, "The schema")
    return "%json " + json.dumps({**schema, "x-guidance": JSON_FORM})


def _regex(pattern: str) -> str:
    if len(pattern) > 8_192:
        raise RequestRefused("The regular expression is longer than 8,192 characters.", "Send a shorter one.")
    return "/" + re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", pattern).replace("\n", r"\n") + "/"


def _check(made: str) -> None:
    from llguidance import LLMatcher, LLParserLimits

    limits = LLParserLimits(max_grammar_size=MOST_SYMBOLS, verbose_errors=False)
    wrong = LLMatcher.validate_grammar(made, limits=limits)
    if wrong and not wrong.startswith("WARNING"):
        lines = [line.strip() for line in wrong.splitlines() if line.strip()]
        said = re.sub(r"^at \d+\(\d+\): ", "", lines[0])[:300] if lines else "no reason given"
        raise RequestRefused(f"The schema is not supported: {said}.", "Use a simpler JSON schema.")
