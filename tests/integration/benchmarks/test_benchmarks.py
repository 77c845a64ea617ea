"""Every benchmark in a small size: the promised figures are there and plausible, and are counted right."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chromium import NoBrowser
from benchmarks.dispatch import WORDS, _ours, row_sizes
from benchmarks.gate import Gate
from benchmarks.leak import HOLD
from benchmarks.peers import bare_writer
from benchmarks.resume import judge
from benchmarks.wall import ages_of
from clawgroups.ledger.ledger import Ledger
from clawgroups.testing.long_group import LongGroup

FIGURES = {
    "dispatch": {"steps_per_s", "p50_ms", "p99_ms", "ratio_bare_writer", "ratio_langgraph", "ratio_dbos"},
    "takeover": {"p50_fence_ms", "p99_fence_ms", "p99_stopped_ms", "agents", "streams_tokens_per_s"},
    "feed": {"server_core_percent", "p95_ms", "viewers", "kept_percent"},
    "resume": {"seconds", "agents", "lost", "doubled"},
    "history-open": {"open_ms", "transcript_page_ms", "server_mb"},
    "wall": {"fps", "p95_ms", "main_thread_percent", "server_core_percent", "load_ms"},
    "leak": {"updates", "heap_ratio", "server_ratio"},
    "engine": {
        "decode_b1_ratio",
        "decode_b32_ratio",
        "prefill_ratio",
        "prefix_share_ratio",
        "bandwidth_fraction",
        "llamacpp_decode_b1_ratio",
        "llamacpp_decode_b32_ratio",
        "llamacpp_prefill_ratio",
        "llamacpp",
    },
    "streams": {"core_percent", "streams", "tokens_per_s", "us_per_token", "ratio_openai_client"},
}


async def figures(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    found: dict[str, Any] = await module.run(**module.QUICK)
    assert set(found) == FIGURES[name]
    return found


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


async def test_dispatch_gives_its_rate_and_its_ratios_and_null_for_a_peer_that_is_not_installed() -> None:
    found = await figures("dispatch")
    assert found["steps_per_s"] > 10
    assert 0 < found["p50_ms"] <= found["p99_ms"] < 10_000
    assert 0 < found["ratio_bare_writer"] < 5
    for ratio, package in (("ratio_langgraph", "langgraph"), ("ratio_dbos", "dbos")):
        assert (found[ratio] is not None) == installed(package)


async def test_take_overs_are_fenced_before_they_are_stopped_and_the_others_stream_on() -> None:
    found = await figures("takeover")
    assert found["agents"] == 6
    assert 0 < found["p50_fence_ms"] <= found["p99_fence_ms"] <= found["p99_stopped_ms"] < 10_000
    assert 3 * 30 < found["streams_tokens_per_s"] < 7 * 30


async def test_the_feed_brings_viewers_all_words_that_they_watch() -> None:
    found = await figures("feed")
    assert found["viewers"] == 3
    assert 1 < found["p95_ms"] < 5_000
    assert 60 < found["kept_percent"] <= 100  # of one second: some words are still on their way when it ends
    assert -50 < found["server_core_percent"] < 100


async def test_the_wall_in_a_browser_shows_every_tile_live_and_its_probes_come_on_screen() -> None:
    found = await figures("wall")
    assert 5 < found["fps"] <= 70
    assert 0 < found["p95_ms"] < 10_000
    assert 0 < found["main_thread_percent"] <= 100
    assert -50 < found["server_core_percent"] < 100
    assert 50 < found["load_ms"] < 60_000


def test_the_age_of_a_probe_is_that_of_its_own_change() -> None:
    events = [
        {"agent_id": "g-1", "kind": "agent_paused", "at": 1_000},
        {"agent_id": "g-2", "kind": "agent_paused", "at": 1_100},
        {"agent_id": "g-1", "kind": "agent_resumed", "at": 1_200},
        {"agent_id": "g-1", "kind": "agent_paused", "at": 1_300},
        {"agent_id": "g-3", "kind": "agent_paused", "at": 1_400},  # not on screen yet
    ]
    shown = [("g-1", "paused", 1_050), ("g-2", "paused", 1_180), ("g-1", "queued", 1_260), ("g-1", "paused", 1_400)]
    assert ages_of(events, shown) == [50, 60, 80, 100]


async def test_a_page_and_a_server_that_show_ever_more_hold_no_more() -> None:
    found = await figures("leak")
    assert found["heap_ratio"] < HOLD
    assert found["server_ratio"] < HOLD


async def test_a_missing_browser_is_told_with_the_way_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    for name in ("wall", "leak"):
        with pytest.raises(NoBrowser, match="'/nowhere/chromium' was not found") as missing:
            await figures(name)
        assert "make setup-test" in missing.value.hint


async def test_a_killed_server_drives_all_again_and_has_lost_and_doubled_nothing() -> None:
    found = await figures("resume")
    assert found["agents"] == 6
    assert 0.2 < found["seconds"] < 60
    assert (found["lost"], found["doubled"]) == (0, 0)


async def test_a_finished_group_is_open_again_soon_after_a_restart() -> None:
    found = await figures("history-open")
    assert 0 < found["open_ms"] < 10_000
    assert 0 < found["transcript_page_ms"] < 10_000
    assert 30 < found["server_mb"] < 1_000


async def test_the_group_to_open_has_every_step_that_was_asked_for_and_a_whole_record(tmp_path: Path) -> None:
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'clawgroups.db'}")
    made = LongGroup("longgrp", 4, 30)
    assert await made.write(ledger.writer) == 4 * 30 + 1
    assert await ledger.reader.verify("longgrp") == []
    group = await ledger.reader.load_group("longgrp")
    assert (group.status.value, [agent.step for agent in group.agents.values()]) == ("finished", [1, 30, 30, 30, 30])
    assert await ledger.reader.seq("longgrp") == made.events
    again = LongGroup("longgrp", 4, 30)
    list(again._moves())
    assert again.group == group  # the same words each time
    await ledger.close()


async def test_streams_are_read_at_the_rate_at_which_they_are_said() -> None:
    found = await figures("streams")
    assert found["streams"] == 8
    assert 8 * 15 < found["tokens_per_s"] < 8 * 45
    assert 0 < found["core_percent"] < 100
    assert found["us_per_token"] > 1
    assert (found["ratio_openai_client"] is not None) == installed("openai")


async def test_the_engine_is_measured_beside_transformers_and_with_and_without_sharing() -> None:
    found = await figures("engine")
    for ratio in ("decode_b1_ratio", "decode_b32_ratio", "prefill_ratio"):
        assert (found[ratio] is not None) == installed("transformers")
        assert found[ratio] is None or 0.05 < found[ratio] < 100
    assert 1 < found["prefix_share_ratio"] < 50  # six requests that share all but a few tokens
    assert 0.001 < found["bandwidth_fraction"] < 1.5
    measured = found["llamacpp"] == "measured"
    assert measured or found["llamacpp"].startswith("not measured: ")
    for ratio in ("llamacpp_decode_b1_ratio", "llamacpp_decode_b32_ratio", "llamacpp_prefill_ratio"):
        assert (found[ratio] is not None) == measured


def test_the_command_prints_one_json_object_on_its_last_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clawgroups", "bench", "dispatch", "--quick"], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout.splitlines()[-1])) == FIGURES["dispatch"]
    assert json.loads(done.stderr.splitlines()[-1])["load"] >= 0


def test_an_unknown_benchmark_is_refused_with_those_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clawgroups", "bench", "speed"], capture_output=True, check=False, text=True
    )
    assert done.returncode != 0
    assert "takeover" in done.stderr


async def test_a_round_takes_every_step_of_every_sub_agent_and_the_ledger_has_them(tmp_path: Path) -> None:
    measured = await _ours(tmp_path, agents=3, steps=4)
    assert len(measured.waits) == 12
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'clawgroups.db'}")
    kinds = [row.kind for row in await ledger.reader.event_rows("benchgrp", 0, 1_000)]
    await ledger.close()
    assert kinds.count("step_committed") == kinds.count("call_closed") == 12


async def test_the_bare_writer_gets_rows_as_large_as_what_the_ledger_writes(tmp_path: Path) -> None:
    turn, result = row_sizes()
    assert len(WORDS) < result + turn < 10 * len(WORDS)
    assert turn > len(WORDS) > result
    assert await bare_writer(tmp_path / "bare.db", 3, 4, (turn, result)) > 1
    assert (tmp_path / "bare.db").stat().st_size > 3 * 4 * turn


async def test_an_acknowledged_event_that_is_gone_or_changed_is_lost_and_a_turn_told_twice_is_doubled(
    tmp_path: Path,
) -> None:
    await _ours(tmp_path, agents=2, steps=3)  # each says the same words three times
    database = tmp_path / "clawgroups.db"
    ledger = await Ledger.open(f"sqlite+aiosqlite:///{database}")
    rows = await ledger.reader.event_rows("benchgrp", 0, 1_000)
    told = {row.seq: (row.kind, json.dumps(json.loads(row.body), sort_keys=True)) for row in rows}
    await ledger.close()
    assert await judge(database, "benchgrp", told) == (0, 4)
    told[2] = told[2][0], "{}"
    told[len(told) + 1] = "step_committed", "{}"
    assert await judge(database, "benchgrp", told) == (2, 4)


async def test_a_gate_opens_when_the_last_has_come() -> None:
    gate = Gate(2)
    first = asyncio.ensure_future(gate.come())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(first), 0.05)
    assert not gate.opened
    await gate.come()
    await first
    assert gate.opened
