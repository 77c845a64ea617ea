"""Whatever happened in a thread, the messages made of it are valid, and nothing that was said is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from history_rules import broken_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.group.thread import Entry, ToolCall
from clawgroups.runner.drivers.model_messages import LOST, SILENT, UNFINISHED, encoded, messages_of

WORDS = st.text(max_size=12) | st.sampled_from(["", "héllo 🦀", "\ud800", "a\x00b", "{}"])
IDS = st.sampled_from(["a", "b", "c", "", "functions.list_files:0"])
ARGUMENTS = st.sampled_from(
    ["{}", "", " ", '{"path": "."}', '{"a": 1', "[1]", "null", "NaN", "[" * 5_000, '{"a": ' + "9" * 5_000 + "}"]
)
NAMES = st.sampled_from(["list_files", "write_file", "", "odd name!", "x" * 90, "grüße"])
CALLS = st.lists(st.builds(ToolCall, id=IDS, name=NAMES, arguments=ARGUMENTS), max_size=3).map(tuple)
ENTRIES = st.one_of(
    st.builds(Entry, role=st.just("system"), content=WORDS),
    st.builds(Entry, role=st.just("user"), content=WORDS, kind=st.sampled_from(["task", "steer", "hand_back", ""])),
    st.builds(
        Entry,
        role=st.just("assistant"),
        content=WORDS,
        reasoning=WORDS,
        calls=CALLS,
        unfinished=st.booleans(),
        by=st.sampled_from(["kimi", "ada"]),
    ),
    st.builds(
        Entry,
        role=st.just("tool"),
        content=WORDS,
        call_id=IDS,
        name=NAMES,
        fate=st.sampled_from(["done", "failed", "unknown", "not_started"]),
    ),
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(ENTRIES, max_size=14), st.booleans(), st.booleans())
def test_any_thread_makes_a_valid_history(thread: list[Entry], reasoning: bool, kimi: bool) -> None:
    messages = messages_of(thread, reasoning=reasoning, kimi=kimi)
    assert broken_rules(messages, reasoning=reasoning) == []
    assert json.loads(encoded({"messages": messages})), "and it can be sent"


@settings(max_examples=1_000, deadline=None)
@given(st.lists(ENTRIES, max_size=14))
def test_nothing_that_anybody_said_is_missing(thread: list[Entry]) -> None:
    marked = [_marked(entry, number) for number, entry in enumerate(thread)]
    sent = json.dumps(messages_of(marked, reasoning=False))
    for number, entry in enumerate(marked):
        assert f"<said {number}>" in sent, entry


def _marked(entry: Entry, number: int) -> Entry:
    return Entry(
        role=entry.role,
        content=f"<said {number}>",
        calls=entry.calls,
        call_id=entry.call_id,
        name=entry.name,
        unfinished=entry.unfinished,
    )


@given(st.lists(ENTRIES, max_size=10), ENTRIES)
def test_a_thread_that_grows_keeps_its_calls_ids(thread: list[Entry], entry: Entry) -> None:
    """A model server's cache works by prefix, so what was sent once must look the same the next time."""

    def ids(entries: list[Entry]) -> list[Any]:
        return [c["id"] for m in messages_of(entries, reasoning=False, kimi=True) for c in m.get("tool_calls", [])]

    before = ids(thread)
    assert ids([*thread, entry])[: len(before)] == before


def _call(call_id: str, name: str = "list_files", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def test_a_hand_back_with_a_persons_calls_reads_in_order() -> None:
    thread = [
        Entry(role="system", content="You work."),
        Entry(role="user", content="Look.", kind="task"),
        Entry(role="assistant", content="I loo", unfinished=True, fate="interrupted"),
        Entry(role="assistant", content="", calls=(_call("p1", "read_file", '{"path": "a"}'),), by="ada"),
        Entry(role="tool", call_id="p1", name="read_file", content="text of a", by="ada"),
        Entry(role="user", content="Ada drove and read a.", kind="hand_back"),
    ]
    messages = messages_of(thread, reasoning=True, kimi=True)
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "assistant", "tool", "user"]
    assert messages[2]["content"] == f"I loo\n{UNFINISHED}"
    assert messages[3]["reasoning_content"] == ""
    assert messages[3]["tool_calls"][0]["id"] == messages[4]["tool_call_id"] == "functions.read_file:0"
    assert messages[4]["content"] == "text of a"


def test_results_follow_their_calls_in_the_calls_order_whenever_they_came() -> None:
    thread = [
        Entry(role="user", content="Go."),
        Entry(role="assistant", calls=(_call("1"), _call("2"), _call("3"))),
        Entry(role="tool", call_id="3", content="third"),
        Entry(role="user", content="Hurry.", kind="steer"),
        Entry(role="tool", call_id="1", content="first"),
    ]
    messages = messages_of(thread, reasoning=False)
    assert [m["content"] for m in messages[2:]] == ["first", LOST, "third", "Hurry."]


def test_the_same_id_in_a_later_turn_gets_its_own_result() -> None:
    thread = [
        Entry(role="user", content="Go."),
        Entry(role="assistant", calls=(_call("x"),)),
        Entry(role="tool", call_id="x", content="one"),
        Entry(role="assistant", calls=(_call("x"),)),
        Entry(role="tool", call_id="x", content="two"),
    ]
    messages = messages_of(thread, reasoning=False)
    assert [m["content"] for m in messages if m["role"] == "tool"] == ["one", "two"]
    assert messages[1]["tool_calls"][0]["id"] != messages[3]["tool_calls"][0]["id"]


def test_a_call_that_gave_no_output_is_not_told_to_be_lost() -> None:
    thread = [Entry(role="assistant", calls=(_call("x"),)), Entry(role="tool", call_id="x", content="", fate="done")]
    assert messages_of(thread, reasoning=False)[-1]["content"] == SILENT


@pytest.mark.parametrize("written", ['{"path": "a', "[1, 2]", '"text"', '{"a": NaN}'])
def test_arguments_that_are_no_object_are_sent_back_as_the_model_wrote_them(written: str) -> None:
    thread = [Entry(role="assistant", calls=(_call("x", arguments=written),))]
    [call] = messages_of(thread, reasoning=False)[1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"malformed_arguments": written}


def test_system_messages_are_one_and_first() -> None:
    thread = [
        Entry(role="system", content="One."),
        Entry(role="system", content="Two."),
        Entry(role="user", content="Go."),
        Entry(role="system", content="Three."),
    ]
    messages = messages_of(thread, reasoning=False)
    assert [(m["role"], m["content"]) for m in messages] == [
        ("system", "One.\n\nTwo."),
        ("user", "Go."),
        ("user", "Three."),
    ]


def test_a_history_that_ends_with_the_models_own_words_asks_it_to_go_on() -> None:
    thread = [Entry(role="user", content="Go."), Entry(role="assistant", content="Half", unfinished=True)]
    assert messages_of(thread, reasoning=False)[-1] == {"role": "user", "content": "Go on."}
