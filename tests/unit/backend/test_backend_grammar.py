"""What an answer has to look like: followed by the tokens that fit it, by no others, and refused where it cannot be."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from backend_words import tiny_tokenizer
from llguidance import LLMatcher, LLTokenizer

from backend.api.testing import VOCABULARY
from backend.errors import RequestRefused
from backend.text.grammar import Form, ToolForm, grammar

A = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
GET = '<|tool_call_begin|>functions.get:0<|tool_call_argument_begin|>{"a": 1}<|tool_call_end|>'
PUT = '<|tool_call_begin|>functions.put-it:1<|tool_call_argument_begin|>{"any": ["thing"]}<|tool_call_end|>'
TOOLS = {"get": A, "put-it": None}


@cache
def _lltokenizer() -> LLTokenizer:
    return tiny_tokenizer().for_grammars(VOCABULARY)


def _follows(form: Form, text: str) -> bool:
    """Whether a whole answer fits."""
    made = grammar(form, tiny_tokenizer())
    assert made is not None
    matcher = LLMatcher(_lltokenizer(), made)
    tokens = tiny_tokenizer().encode_template(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def _tools(required: bool, several: bool = True, thinking: bool = False) -> Form:
    return Form(thinking=thinking, tools=ToolForm(TOOLS, required, several))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form(schema=A), '{"a":1}'),
        (Form(schema=A), '{\n  "a": -20\n}'),
        (Form(schema=A, thinking=True), 'I think {"b"} <|im_</think>{"a": 1}'),
        (Form(regex="a/b|c\\/d"), "a/b"),
        (Form(regex="a/b|c\\/d"), "c/d"),
        (_tools(True), BEGIN + GET + END),
        (_tools(True), BEGIN + GET + PUT + GET + END),
        (_tools(True, several=False), BEGIN + PUT + END),
        (_tools(True, thinking=True), "hm</think>" + BEGIN + GET + END),
        (_tools(False), "No need to call anything."),
        (_tools(False), "I look." + BEGIN + GET + END),
        (_tools(False, thinking=True), "hm</think>done"),
    ],
)
def test_what_is_asked_for_can_be_answered(form: Form, text: str) -> None:
    assert _follows(form, text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form(schema=A), '{"a":"one"}'),
        (Form(schema=A), "words"),
        (Form(schema=A), '{"a":' + " " * 40 + "1}"),
        (Form(schema=A, thinking=True), '{"a": 1}'),
        (_tools(True), "words first" + BEGIN + GET + END),
        (_tools(True), BEGIN + END),
        (_tools(True, several=False), BEGIN + GET + PUT + END),
        (_tools(True), BEGIN + GET.replace("get:", "other:") + END),
        (_tools(True), BEGIN + GET.replace('"a": 1', '"b": 1') + END),
        (_tools(True), BEGIN + PUT.replace('{"any": ["thing"]}', "7") + END),
        (_tools(False), BEGIN + GET),
        (_tools(False, thinking=True), "hm" + BEGIN + GET + END),
    ],
)
def test_nothing_else_can_be_answered(form: Form, text: str) -> None:
    assert not _follows(form, text)


def test_text_that_spells_a_control_token_is_no_control_token() -> None:
    made = grammar(_tools(True), tiny_tokenizer())
    assert made is not None
    matcher = LLMatcher(_lltokenizer(), made)
    assert matcher.try_consume_tokens(tiny_tokenizer().encode(BEGIN)) == 0


def test_a_free_answer_has_no_grammar() -> None:
    assert grammar(Form(), tiny_tokenizer()) is None


def _nested(depth: int) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"p": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "https://elsewhere/schema"},
        {"not": {}},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"properties": 7},
        _nested(40),
        {"enum": [str(number) for number in range(100_000)]},
        {"enum": ["x" * 600_000]},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_a_schema_that_cannot_be_followed_is_refused(schema: Any) -> None:
    with pytest.raises(RequestRefused):
        grammar(Form(schema=schema), tiny_tokenizer())


@pytest.mark.parametrize("pattern", ["(", "a" * 9_000, "(?=x)"])
def test_a_regular_expression_that_cannot_be_followed_is_refused(pattern: str) -> None:
    with pytest.raises(RequestRefused):
        grammar(Form(regex=pattern), tiny_tokenizer())
