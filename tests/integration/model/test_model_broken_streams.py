"""Streams that hang, break or lie: the turn fails with its partial text kept, or goes on where that is safe."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from model_asking import Asking, chunk

from clawgroups.testing.model_reply import Call, Chunk, Cut, Finish, Pause, Raw, Reply, Text, reasoning, says
from clawgroups.testing.model_server import ModelServer


async def test_a_server_that_says_nothing_at_all_is_given_up_and_sees_it(client: httpx.AsyncClient) -> None:
    async with ModelServer(lambda body: says("late", wait=60.0)) as server:
        error = await Asking(server, client, first_byte_s=0.1).fails()
        await server.until(lambda: len(server.aborted) == 2)
    assert error.kind == "timeout"
    assert f"at 127.0.0.1:{server.port} did not answer within 0.1 s" in error.sentence


async def test_a_server_that_hangs_once_is_asked_again(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("late", wait=60.0), says("Here.")]) as server:
        assert (await Asking(server, client, first_byte_s=0.1).turn()).content == "Here."


async def test_silence_in_mid_stream_ends_at_the_idle_limit_with_the_words_kept(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("Half of it", Pause(60.0))]) as server:
        asking = Asking(server, client, idle_s=0.15)
        error = await asking.fails()
        await server.until(lambda: server.aborted)
    assert error.kind == "timeout"
    assert "fell silent for 0.15 s" in error.sentence
    assert error.partial == asking.text == "Half of it"
    assert server.count == 1


async def test_a_slow_stream_is_not_an_idle_one(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(Text("a b c d e f g h", rate=10.0))]) as server:
        turn = await Asking(server, client, idle_s=0.4).turn()
    assert turn.content == "a b c d e f g h"


async def test_comments_keep_a_stream_alive(client: httpx.AsyncClient) -> None:
    pings = [piece for _ in range(6) for piece in (Raw(b": ping\n\n"), Pause(0.1))]
    async with ModelServer([says(*pings, "Done.")]) as server:
        assert (await Asking(server, client, idle_s=0.4).turn()).content == "Done."


@pytest.mark.parametrize("clean", [True, False], ids=["ended", "torn"])
async def test_a_cut_in_mid_text_keeps_the_words_and_is_not_tried_again(client: httpx.AsyncClient, clean: bool) -> None:
    pieces = [] if clean else [Cut()]
    async with ModelServer(lambda body: says(Chunk(chunk(content="Half of")), *pieces, end=False)) as server:
        asking = Asking(server, client)
        error = await asking.fails()
    assert (error.kind, error.partial, asking.text) == ("connection", "Half of", "Half of")
    assert "broke off" in error.sentence
    assert server.count == 1, "words that were shown are never said again"


async def test_a_cut_in_mid_tool_call_runs_no_call(client: httpx.AsyncClient) -> None:
    part = {"index": 0, "id": "a", "function": {"name": "write_file", "arguments": '{"path": "no'}}
    cut = says(Chunk(chunk(content="I write.")), Chunk(chunk(tool_calls=[part])), Cut(), end=False)
    async with ModelServer([cut]) as server:
        asking = Asking(server, client)
        error = await asking.fails()
    assert (error.kind, error.partial) == ("connection", "I write.")
    assert ("call", '{"path": "no') in asking.shown


@pytest.mark.parametrize("wait", [0.0, 0.05])
async def test_a_cut_before_the_first_word_is_tried_again(client: httpx.AsyncClient, wait: float) -> None:
    async with ModelServer([says(Pause(wait), Cut()), says(Cut(), end=False), says("Whole.")]) as server:
        asking = Asking(server, client)
        assert (await asking.turn()).content == asking.text == "Whole."


async def test_a_server_that_always_closes_before_its_status_is_told_as_broken_off(client: httpx.AsyncClient) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(slam, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await Asking(f"http://127.0.0.1:{port}/v1", client).fails()
    assert error.kind == "connection"
    assert f"127.0.0.1:{port} broke off" in error.sentence


async def test_what_is_no_http_is_told_so(client: httpx.AsyncClient) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example ESMTP ready\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await Asking(f"http://127.0.0.1:{port}/v1", client).fails()
    assert error.kind == "connection"
    assert "no valid HTTP" in error.sentence


async def test_the_end_may_lack_its_done_mark(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(Chunk(chunk(content="All.")), Finish("stop"), end=False)]) as server:
        assert (await Asking(server, client).turn()).content == "All."


async def test_a_turn_that_was_whole_before_the_connection_tore_counts(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(Chunk(chunk(content="All.")), Finish("stop"), Cut(), end=False)]) as server:
        assert (await Asking(server, client).turn()).content == "All."


async def test_a_body_that_stays_open_after_the_done_mark_holds_nobody_up(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("All.", Finish("stop"), Chunk("[DONE]"), Pause(60.0))]) as server:
        async with asyncio.timeout(5):
            assert (await Asking(server, client).turn()).content == "All."


@pytest.mark.parametrize(
    "reply",
    [says(), says(Text("")), says(Raw(b""), end=False), says(Chunk("[DONE]"), end=False), says(Text("  \n"))],
    ids=["no words", "an empty word", "no body", "only the done mark", "only blanks"],
)
async def test_an_empty_reply_is_never_taken_for_a_result(client: httpx.AsyncClient, reply: Reply) -> None:
    async with ModelServer(lambda body: reply) as server:
        error = await Asking(server, client).fails()
    assert error.kind == "empty"


async def test_an_empty_reply_is_tried_again(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(), says("Something.")]) as server:
        assert (await Asking(server, client).turn()).content == "Something."


async def test_reasoning_that_used_up_the_limit_is_told_with_the_remedy(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(reasoning("I think and think"), Finish("length"))]) as server:
        error = await Asking(server, client).fails()
    assert error.kind == "length"
    assert "Raise max_tokens" in error.hint


async def test_half_an_answer_is_not_a_result(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("The first half", Finish("length"))]) as server:
        error = await Asking(server, client).fails()
    assert (error.kind, error.partial) == ("length", "The first half")


async def test_a_reply_of_ten_megabytes_is_stopped_and_the_server_sees_it(client: httpx.AsyncClient) -> None:
    async with ModelServer([says(*["word " * 2_000] * 1_000)]) as server:
        error = await Asking(server, client).fails()
        await server.until(lambda: server.aborted)
    assert error.kind == "too_long"
    assert "max_tokens" in error.hint
    assert 2_000_000 < len(error.partial) < 2_200_000


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
async def test_ten_megabytes_without_an_event_are_stopped_too(client: httpx.AsyncClient, content_type: str) -> None:
    reply = Reply((Raw(b"data: " + b"x" * 10_000_000),), headers={"Content-Type": content_type}, end=False)
    async with ModelServer([reply]) as server:
        assert (await Asking(server, client).fails()).kind == "too_long"


@pytest.mark.parametrize(
    ("pieces", "kind", "sentence"),
    [
        ((Chunk("this is not JSON"),), "protocol", "'this is not JSON'"),
        ((Chunk([1, 2]),), "protocol", "'[1,2]'"),
        ((Chunk("[" * 100_000),), "protocol", "no JSON object"),
        ((Chunk({"error": {"message": "CUDA error", "code": None}}),), "failed", "reports: CUDA error"),
        ((Chunk({"error": "out of memory"}),), "failed", "reports: out of memory"),
        ((Chunk({"error": {"message": "engine died", "code": 500}}),), "server", "failed (500): engine died"),
        (
            (Chunk({"error": {"message": "maximum context length is 10 tokens", "code": 400}}),),
            "context_length",
            "too long for the model",
        ),
    ],
)
async def test_nonsense_and_errors_inside_a_stream_are_told(
    client: httpx.AsyncClient, pieces: tuple[Chunk], kind: str, sentence: str
) -> None:
    async with ModelServer(lambda body: says(Chunk(chunk(content="So far")), *pieces)) as server:
        error = await Asking(server, client).fails()
    assert (error.kind, error.partial, server.count) == (kind, "So far", 1)
    assert sentence in error.sentence


async def test_an_error_inside_a_stream_before_any_word_is_tried_again_where_that_helps(
    client: httpx.AsyncClient,
) -> None:
    failed = says(Chunk({"error": {"message": "overloaded", "code": "503"}}))
    async with ModelServer([failed, says("Well.")]) as server:
        assert (await Asking(server, client).turn()).content == "Well."


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream", ""])
async def test_a_page_in_place_of_a_stream_is_told_as_a_wrong_address(
    client: httpx.AsyncClient, content_type: str
) -> None:
    page = Reply(headers={"Content-Type": content_type}, body=b"<!doctype html><title>Router</title>" + b" " * 99_999)
    async with ModelServer([page]) as server:
        error = await Asking(server, client).fails()
    assert error.kind == "protocol"
    assert f"answered with {content_type or 'no content type'}, not with a stream" in error.sentence
    assert "<!doctype html>" in error.sentence
    assert "/v1" in error.hint


async def test_a_stream_with_the_wrong_content_type_is_read_all_the_same(client: httpx.AsyncClient) -> None:
    async with ModelServer([says("Read.", headers={"Content-Type": "text/plain"})]) as server:
        assert (await Asking(server, client).turn()).content == "Read."


async def test_calls_with_broken_arguments_are_kept_as_written(client: httpx.AsyncClient) -> None:
    broken = '{"path": "a.txt", "content": "un'
    async with ModelServer([says(Call("write_file", broken, cuts=5), Call("no_such_tool", "{}"))]) as server:
        turn = await Asking(server, client).turn()
    assert [(call.name, call.arguments) for call in turn.calls] == [("write_file", broken), ("no_such_tool", "{}")]
