"""Every shape in which servers really stream words, reasoning, tool calls and usage makes the same turn."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_asking import Asking, call_part, chunk

from clawgroups.group.thread import Turn, Usage
from clawgroups.testing.model_reply import Call, Chunk, Finish, Piece, Raw, Spent, Text, event, reasoning, says
from clawgroups.testing.model_server import ModelServer

LIST, READ = ("list_files", '{"path": "."}'), ("read_file", '{"path": "grüße 🦀.md"}')


async def _turn(client: httpx.AsyncClient, *pieces: Piece | str, **options: Any) -> tuple[Turn, Asking]:
    async with ModelServer([says(*pieces, **options)]) as server:
        asking = Asking(server, client, price_in=1.0, price_out=2.0)
        return await asking.turn(), asking


def _calls(turn: Turn) -> list[tuple[str, str]]:
    return [(call.name, call.arguments) for call in turn.calls]


# --- words ---------------------------------------------------------------------------------------------


async def test_words_are_shown_as_they_come_and_kept_whole(client: httpx.AsyncClient) -> None:
    turn, asking = await _turn(client, "Grüße aus dem Süden 🦀,\n\n  eingerückt.\n")
    assert turn.content == asking.text == "Grüße aus dem Süden 🦀,\n\n  eingerückt.\n"
    assert len(asking.shown) > 4


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_is_kept_apart_under_either_name(client: httpx.AsyncClient, field: str) -> None:
    turn, asking = await _turn(client, reasoning("Let me think.", field=field), "Yes.")
    assert (turn.reasoning, turn.content) == ("Let me think.", "Yes.")
    assert ("reasoning", "Let") in asking.shown


async def test_reasoning_under_both_names_is_one(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, Chunk(chunk(reasoning="Hm.", reasoning_content="Hm.")), "Yes.")
    assert turn.reasoning == "Hm."


async def test_content_in_parts_and_a_second_choice_are_no_trouble(client: httpx.AsyncClient) -> None:
    parts = chunk(content=[{"type": "text", "text": "In "}, {"type": "text", "text": "parts."}])
    other = {"choices": [{"index": 1, "delta": {"content": "Nobody asked."}}]}
    turn, _ = await _turn(client, Chunk(parts), Chunk(other))
    assert turn.content == "In parts."


async def test_a_character_cut_in_two_by_the_server_is_joined_and_a_lost_half_replaced(
    client: httpx.AsyncClient,
) -> None:
    halves = [
        Raw(b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % half) for half in (b"\\ud83e", b"\\udd80 \\ud800")
    ]
    turn, asking = await _turn(client, *halves)
    assert turn.content == "🦀 \N{REPLACEMENT CHARACTER}"
    asking.text.encode()  # what is shown can be sent on


async def test_bytes_that_are_no_text_cost_only_themselves(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, "Before ", Raw(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'), " after.")
    assert turn.content == "Before \N{REPLACEMENT CHARACTER} after."


async def test_a_nul_never_gets_in(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, "a\0b", Call("x\0y", '{"a": "\0"}', id="i\0d"))
    assert "\0" not in repr([turn.content, *turn.calls]).replace("\\x00", "\0")


async def test_a_reply_that_is_not_streamed_is_a_turn_too(client: httpx.AsyncClient) -> None:
    message = {
        "role": "assistant",
        "content": "At once.",
        "tool_calls": [{"id": "a", "function": {"name": "list_files", "arguments": {}}}],
    }
    whole = {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3},
    }
    turn, asking = await _turn(
        client, Raw(json.dumps(whole).encode()), headers={"Content-Type": "application/json"}, end=False
    )
    assert (turn.content, asking.text, _calls(turn)) == ("At once.", "At once.", [("list_files", "{}")])
    assert (turn.usage.tokens_in, turn.finish) == (3, "tool_calls")


async def test_a_compressed_stream_is_read(client: httpx.AsyncClient) -> None:
    packed = gzip.compress(event(chunk(content="Packed.")) + event("[DONE]"))
    turn, _ = await _turn(client, Raw(packed), headers={"Content-Encoding": "gzip"}, end=False)
    assert turn.content == "Packed."


# --- tool calls ----------------------------------------------------------------------------------------

CALLS: dict[str, list[dict[str, Any]]] = {
    "an index, an id and a name once": [
        call_part(index=0, id="a", name=LIST[0], arguments=""),
        call_part(index=0, arguments=LIST[1][:6]),
        call_part(index=0, arguments=LIST[1][6:]),
        call_part(index=1, id="b", name=READ[0], arguments=READ[1]),
    ],
    "two calls interleaved": [
        call_part(index=0, id="a", name=LIST[0]),
        call_part(index=1, id="b", name=READ[0], arguments=READ[1][:4]),
        call_part(index=0, arguments=LIST[1]),
        call_part(index=1, arguments=READ[1][4:]),
    ],
    "both in one chunk": [
        chunk(
            tool_calls=[
                {"index": 0, "id": "a", "function": {"name": LIST[0], "arguments": LIST[1]}},
                {"index": 1, "id": "b", "function": {"name": READ[0], "arguments": READ[1]}},
            ]
        )
    ],
    "the name and id again with every fragment": [
        call_part(index=i, id=one, name=name, arguments=arguments[at : at + 5])
        for i, one, (name, arguments) in ((0, "a", LIST), (1, "b", READ))
        for at in range(0, len(arguments), 5)
    ],
    "the name in pieces": [
        call_part(index=0, id="a", name="list", arguments=""),
        call_part(index=0, name="_files", arguments=LIST[1]),
        call_part(index=1, id="b", name=READ[0], arguments=READ[1]),
    ],
    "no index": [
        call_part(id="a", name=LIST[0], arguments=LIST[1]),
        call_part(id="b", name=READ[0], arguments=READ[1][:7]),
        call_part(id="b", arguments=READ[1][7:]),
    ],
    "no index, and ids only at first": [
        call_part(id="a", name=LIST[0], arguments=LIST[1][:7]),
        call_part(arguments=LIST[1][7:]),
        call_part(id="b", name=READ[0], arguments=READ[1]),
    ],
    "no index and no ids": [
        call_part(name=LIST[0], arguments=LIST[1][:7]),
        call_part(name=LIST[0], arguments=LIST[1][7:]),
        call_part(name=READ[0], arguments=READ[1]),
    ],
    "one index for all": [
        call_part(index=0, id="a", name=LIST[0], arguments=LIST[1]),
        call_part(index=0, id="b", name=READ[0], arguments=READ[1][:3]),
        call_part(index=0, arguments=READ[1][3:]),
    ],
    "arguments as objects": [
        call_part(index=0, id="a", name=LIST[0], arguments=json.loads(LIST[1])),
        call_part(index=1, id="b", name=READ[0], arguments=json.loads(READ[1])),
    ],
    "an index in text, numbers for ids": [
        call_part(index="0", id=7, name=LIST[0], arguments=LIST[1]),
        call_part(index="1", id=8, name=READ[0], arguments=READ[1]),
    ],
    "fields full of null": [
        call_part(index=0, id="a", name=LIST[0], arguments=None, type="function"),
        call_part(index=0, id=None, name=None, arguments=LIST[1], type=None),
        {"choices": [{"index": 0, "delta": {"content": None, "tool_calls": None, "role": None}}], "usage": None},
        call_part(index=1, id="b", name=READ[0], arguments=READ[1]),
        {"choices": None},
        {"choices": []},
    ],
}


@pytest.mark.parametrize("shape", CALLS)
async def test_parallel_calls_are_read_with(client: httpx.AsyncClient, shape: str) -> None:
    turn, _ = await _turn(
        client, *(Chunk(part) for part in CALLS[shape]), Finish("tool_calls"), Chunk("[DONE]"), end=False
    )
    assert [(name, json.loads(arguments)) for name, arguments in _calls(turn)] == [
        (name, json.loads(arguments)) for name, arguments in (LIST, READ)
    ]
    ids = [call.id for call in turn.calls]
    assert len(set(ids)) == 2
    assert all(ids)


async def test_a_call_without_arguments_has_an_empty_object(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, Chunk(call_part(index=0, id="a", name="list_members")))
    assert _calls(turn) == [("list_members", "{}")]


async def test_calls_end_the_turn_even_when_the_server_says_stop(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, Call(*LIST), Finish("stop"))
    assert _calls(turn) == [LIST]


# --- usage ---------------------------------------------------------------------------------------------


async def test_usage_of_the_last_chunk_is_counted_and_priced(client: httpx.AsyncClient) -> None:
    turn, _ = await _turn(client, "Yes.", Spent({"prompt_tokens": 10, "completion_tokens": 4, "cached_tokens": 6}))
    assert turn.usage == Usage(tokens_in=10, tokens_out=4, cached=6, cost=(4 * 1.0 + 4 * 2.0) / 1e6)


@pytest.mark.parametrize(
    "piece",
    [
        Chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 8}}]}),
        Chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 8}}),
        Chunk({"choices": [], "usage": {"prompt_tokens": 8}}),
        Chunk({"usage": {"prompt_tokens": 8}}),
    ],
    ids=["inside the last choice", "beside the last choice", "alone", "without choices"],
)
async def test_usage_is_found_wherever_it_stands(client: httpx.AsyncClient, piece: Chunk) -> None:
    turn, _ = await _turn(client, Chunk(chunk(content="Yes.")), piece, Chunk("[DONE]"), end=False)
    assert turn.usage.tokens_in == 8


async def test_usage_that_grows_with_every_chunk_is_not_added_up(client: httpx.AsyncClient) -> None:
    grown = [Chunk({**chunk(content="w "), "usage": {"prompt_tokens": 5, "completion_tokens": n}}) for n in (1, 2, 3)]
    turn, _ = await _turn(client, *grown, Chunk("[DONE]"), end=False)
    assert (turn.usage.tokens_in, turn.usage.tokens_out) == (5, 3)


# --- the network cuts where it likes -------------------------------------------------------------------

_WIRE = b"".join(
    event(part)
    for part in (
        chunk(reasoning_content="Hm… "),
        chunk(content="Grüße 🦀"),
        *CALLS["two calls interleaved"],
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        "[DONE]",
    )
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(_WIRE)), max_size=12), end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
async def test_cuts_anywhere_over_real_connections_make_the_same_turn(
    client: httpx.AsyncClient, cuts: list[int], end: bytes
) -> None:
    places = [0, *sorted(cuts), len(_WIRE)]
    parts = [Raw(_WIRE[a:b].replace(b"\n", end)) for a, b in itertools.pairwise(places)]
    turn, asking = await _turn(client, *parts, end=False)
    assert (turn.reasoning, turn.content, asking.text) == ("Hm… ", "Grüße 🦀", "Grüße 🦀")
    assert _calls(turn) == [LIST, READ]
    assert (turn.usage.tokens_in, turn.usage.tokens_out) == (3, 2)


async def test_a_long_reply_word_by_word_is_whole(client: httpx.AsyncClient) -> None:
    words = " ".join(str(number) for number in range(20_000))
    turn, asking = await _turn(client, Text(words))
    assert turn.content == asking.text == words
