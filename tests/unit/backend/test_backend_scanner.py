"""Stop strings across the borders of tokens, thoughts, and tool calls: the same in whatever pieces the text comes."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from backend_words import tiny_tokenizer
from hypothesis import example, given
from hypothesis import strategies as st

from backend.errors import RequestRefused
from backend.text import signs
from backend.text.answer import Answer, Manner
from backend.text.reasoning import Reasoning
from backend.text.stops import Stops, checked
from backend.text.tool_calls import CallArguments, CallBegun, Text, ToolCalls

few = st.text("ab", max_size=40)
WORDS = (" ", "words", "é")
cuts = st.lists(st.integers(0, 200), max_size=12)
pieces_of_answers = st.lists(
    st.sampled_from([*signs.SPELLED, "functions.get:0", "functions.a-b:12", "get:1", "7", '{"a": 1}', *WORDS]),
    max_size=25,
).map("".join)


def _cut(text: str, at: list[int]) -> list[str]:
    places = [0, *sorted(place % (len(text) + 1) for place in at), len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]


@example("aaab", ["aab"], [1, 2])
@example("abaabab", ["abab"], [3])
@given(few, st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=3), cuts)
def test_a_stop_string_is_found_where_it_first_ends(text: str, stops: list[str], at: list[int]) -> None:
    watch = Stops(stops)
    said = "".join(map(watch.feed, _cut(text, at))) + watch.finish()
    ends = [(text.find(stop) + len(stop), text.find(stop), stop) for stop in stops if stop in text]
    end, begin, stop = min(ends, default=(0, len(text), ""))
    assert said == text[:begin]
    assert watch.found == stop
    assert not end or text[:end].endswith(stop)


def test_text_is_held_back_only_while_it_may_be_part_of_a_stop_string() -> None:
    watch = Stops(["END."])
    assert watch.feed("The E") == "The "
    assert watch.feed("N") == ""
    assert watch.feed("Try EN") == "ENTry "
    assert watch.feed("D") == ""
    assert watch.finish() == "END"


@pytest.mark.parametrize("stops", [[""], ["x"] * 33, ["y" * 1025]])
def test_stop_strings_without_bounds_are_refused(stops: list[str]) -> None:
    with pytest.raises(RequestRefused, match="stop"):
        checked(stops)


@example(signs.SECTION + " words \n" + signs.CALL, [2, 5], False)
@given(pieces_of_answers, cuts, st.booleans())
def test_thoughts_and_calls_are_the_same_in_any_pieces(text: str, at: list[int], thinking: bool) -> None:
    whole = _read([text], thinking)
    assert _read(_cut(text, at), thinking) == whole
    assert _read(list(text), thinking) == whole


def _read(pieces: list[str], thinking: bool) -> list[object]:
    """Thoughts and parts, neighbours of a kind joined."""
    reasoning, calls = Reasoning(thinking), ToolCalls(["get", "a-b"])
    told: list[tuple[str, str]] = []

    def add(kind: str, text: str) -> None:
        if told and told[-1][0] == kind and "begun" not in kind:
            told[-1] = (kind, told[-1][1] + text)
        elif text:
            told.append((kind, text))

    def parts(found: list[Text | CallBegun | CallArguments]) -> None:
        for part in found:
            match part:
                case Text(words):
                    add("text", words)
                case CallBegun(index, own_id, name):
                    add(f"begun {index} {name}", own_id)
                case CallArguments(index, words):
                    add(f"arguments {index}", words)

    for piece in pieces:
        for thought, words in reasoning.feed(piece):
            add("thought", words) if thought else parts(calls.feed(words))
    parts(calls.finish())
    return list(told)


@given(pieces_of_answers, st.booleans())
def test_no_word_of_an_answer_is_lost(text: str, thinking: bool) -> None:
    said = "".join(words for _, words in _read([text], thinking))
    for word in ("words", "é", '{"a": 1}'):
        assert said.count(word) == text.count(word)


def _calls(text: str, names: list[str] | None = None) -> list[Text | CallBegun | CallArguments]:
    calls = ToolCalls(names if names is not None else ["get"])
    for sign, name in signs.SPELLED.items():
        text = text.replace(name, sign)
    return calls.feed(text) + calls.finish()


BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, ARGUMENTS, CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"


def test_two_calls_of_one_section_are_told_one_after_the_other() -> None:
    text = f"I look.{BEGIN}{CALL}functions.get:3{ARGUMENTS}{{}}{CALL_END}\n{CALL}put-it:4{ARGUMENTS}[1]{CALL_END}{END}"
    assert _calls(text) == [
        Text("I look."),
        CallBegun(0, "functions.get:3", "get"),
        CallArguments(0, "{}"),
        CallBegun(1, "functions.put-it:4", "put-it"),
        CallArguments(1, "[1]"),
    ]


def test_a_bare_number_is_a_call_where_there_is_one_tool_only() -> None:
    text = f"{BEGIN}{CALL}2{ARGUMENTS}{{}}{CALL_END}{END}"
    assert _calls(text, ["get"])[0] == CallBegun(0, "functions.get:2", "get")
    assert _calls(text, ["get", "put"]) == [
        Text(CALL + "2"), Text(ARGUMENTS), Text("{}"), Text(CALL_END),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}{CALL}no id at all{ARGUMENTS}{{}}{CALL_END}{END}",
        f"{BEGIN}{CALL}functions.get:0",
        f"{BEGIN}{CALL}functions.get:0{CALL_END}{END}",
        f"{BEGIN}{CALL}{'x' * 600}{ARGUMENTS}1{CALL_END}{END}",
        f"{ARGUMENTS}{{}}",
        f"{CALL_END}{END}",
        f"{BEGIN}stray words{END}",
    ],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    found = _calls(text)
    assert all(isinstance(part, Text) for part in found)
    said = "".join(part.text for part in found if isinstance(part, Text))
    words = re.sub(r"<\|tool_\w+\|>", "", text)
    assert words in re.sub(r"<\|tool_\w+\|>", "", said)


def test_two_calls_with_the_same_id_are_told_apart() -> None:
    text = f"{BEGIN}{CALL}functions.get:0{ARGUMENTS}1{CALL_END}{CALL}functions.get:0{ARGUMENTS}2{CALL_END}{END}"
    ids = [part.id for part in _calls(text) if isinstance(part, CallBegun)]
    assert ids == ["functions.get:0", "functions.get:1"]


def _thoughts(text: str, thinking: bool = True) -> list[tuple[bool, str]]:
    for sign, name in signs.SPELLED.items():
        text = text.replace(name, sign)
    return [(thought, signs.spelled(words)) for thought, words in Reasoning(thinking).feed(text)]


@pytest.mark.parametrize(
    ("text", "thinking", "told"),
    [
        ("a</think>b", True, [(True, "a"), (False, "b")]),
        ("<think>a</think>b", True, [(True, "a"), (False, "b")]),
        ("<think>a</think>b", False, [(True, "a"), (False, "b")]),
        ("a", True, [(True, "a")]),
        ("a", False, [(False, "a")]),
        ("</think>b", False, [(False, "b")]),
        ("a</think>b", False, [(False, "a"), (False, "</think>"), (False, "b")]),
        (f"a{BEGIN}c", True, [(True, "a"), (False, BEGIN), (False, "c")]),
        ("a</think>b<think>c", True, [(True, "a"), (False, "b"), (False, "<think>"), (False, "c")]),
    ],
)
def test_thoughts_end_where_the_model_says_so(text: str, thinking: bool, told: list[tuple[bool, str]]) -> None:
    assert _thoughts(text, thinking) == told


def test_nothing_of_a_call_is_told_after_a_stop_string_at_its_end() -> None:
    tokenizer = tiny_tokenizer()
    call = "<|tool_call_begin|>functions.get:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
    answer = Answer(tokenizer, Manner(tools=["get"], stops=["<|tool_call_end|>"]))
    said = [part for token in tokenizer.encode_template(call + "more") for part in answer.feed(token)]
    assert answer.stopped == "<|tool_call_end|>"
    assert "".join(part.text for part in said if isinstance(part, CallArguments)) == "{}"
