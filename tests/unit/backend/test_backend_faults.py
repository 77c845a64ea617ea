"""Logs become words that a person can act on."""

from __future__ import annotations

import pytest
from backend_log_texts import KNOWN, SEEN

from backend.supervisor.faults import words_for


@pytest.mark.parametrize(("text", "words"), [*SEEN.values(), *KNOWN.values()], ids=[*SEEN, *KNOWN])
def test_a_failure_is_told_in_words_with_a_way_out(text: str, words: str) -> None:
    fault = words_for(["[2026-11-29 03:06:05] Memory baseline taken.", *text.splitlines()], 1)
    assert words in fault.sentence
    assert len(fault.hint) > 10


@pytest.mark.parametrize("name", ["missing shard", "truncated file", "unknown option", "unsupported quantization"])
def test_what_time_does_not_mend_is_not_tried_again(name: str) -> None:
    assert not words_for(SEEN[name][0].splitlines(), 1).passing


def test_what_nobody_foresaw_is_told_in_its_own_words() -> None:
    fault = words_for(["Traceback (most recent call last):", "sglang.Odd.StrangeError: the moon is full", "bye"], 1)
    assert fault.sentence == "StrangeError: the moon is full"
    assert fault.passing


def test_an_end_without_a_word_tells_its_status() -> None:
    assert "exit 7" in words_for(["hello"], 7).sentence
    assert "signal 11" in words_for([], -11).sentence
    killed = words_for(["loading"], -9)
    assert "somebody killed it" in killed.sentence
    assert "dmesg" in killed.hint


def test_sglang_that_ends_its_own_processes_was_not_ended_from_outside() -> None:
    assert "somebody killed it" not in words_for(["kill_process_tree called: parent_pid=1"], -9).sentence


def test_an_endless_line_stays_short() -> None:
    assert len(words_for(["ValueError: " + "x" * 100_000], 1).sentence) <= 300


def test_what_our_own_engine_says_as_it_ends_is_told_as_it_said_it_and_not_tried_again() -> None:
    lines = ["loading", "error: The shard model-00002.safetensors is missing.", "hint: Download it too."]
    fault = words_for(lines, 2)
    assert (fault.sentence, fault.hint) == ("The shard model-00002.safetensors is missing.", "Download it too.")
    assert not fault.passing
    assert words_for([*lines, "and then something else"], 2).sentence != fault.sentence
    assert words_for(["error: Only this."], 2).hint == ""
