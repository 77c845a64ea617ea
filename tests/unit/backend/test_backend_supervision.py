"""The parts of supervision that need no process: states, waiting, progress, the log, the launch."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from backend.errors import LaunchFailed
from backend.planner.plan import NodeCommand
from backend.supervisor.journal import Journal
from backend.supervisor.launch import launch, option
from backend.supervisor.progress import Reader
from backend.supervisor.router import copies, replaced, router
from backend.supervisor.state import FOLLOWS, Backoff, Status

LOADING = (
    ("server_args={'model_path': '/models/k2', 'port': 30000}", 0.02),
    ("[03:06:05 TP0] Init torch distributed begin.", 0.03),
    ("[2026-11-29 03:06:06] Load weight begin. avail mem=21.45 GB", 0.05),
    ("Loading safetensors checkpoint shards:  25% Completed | 16/64 [00:40<02:00,  2.50s/it]", 0.2125),
    ("Multi-thread loading shards:  50% Completed | 32/64 [00:00<00:00, 314.23it/s]", 0.375),
    ("Multi-thread loading shards:  48% Completed | 31/64 [00:00<00:00, 314.23it/s]", 0.375),
    ("[2026-11-29 03:06:06] Load weight end. elapsed=0.03 s, type=DeepseekV3ForCausalLM", 0.70),
    ("[2026-11-29 03:06:06] KV Cache is allocated. dtype: torch.bfloat16, #tokens: 8192, KV size: 0.00 GB", 0.75),
    ("[2026-11-29 03:06:07] Capture decode CUDA graph begin. This can take up to several minutes.", 0.78),
    ("Capturing batches (bs=8 avail_mem=9.80 GB):  50%|#####     | 18/36 [00:04<00:01]", 0.85),
    ("[2026-11-29 03:06:07] INFO:     Uvicorn running on http://127.0.0.1:30123 (Press CTRL+C to quit)", 0.95),
    ("[2026-11-29 03:06:08] The server is fired up and ready to roll!", 1.0),
)


def test_progress_follows_the_log_and_never_falls() -> None:
    reader = Reader()
    for line, fraction in LOADING:
        reader.read(line)
        assert reader.fraction == pytest.approx(fraction), line
    assert not reader.read("[2026-11-29 03:06:06] Load weight begin. avail mem=21.45 GB")


def test_progress_says_how_many_files_are_read() -> None:
    reader = Reader()
    assert reader.read(LOADING[3][0])
    assert reader.sentence == "Reading weights: 16 of 64 files"


def test_every_state_can_be_left_and_only_the_table_s_ways_are_open() -> None:
    for state, other in itertools.product(FOLLOWS, FOLLOWS):
        status = Status(state=state, fraction=0.5, again_in=3.0)
        if other in FOLLOWS[state]:
            assert status.turn(other).fraction is None  # what belonged to the last state is gone
        else:
            with pytest.raises(ValueError, match="does not follow"):
                status.turn(other)
    reached, todo = {"stopped"}, ["stopped"]
    while todo:
        new = FOLLOWS[todo.pop()] - reached  # type: ignore[index]
        reached |= new
        todo += new
    assert reached == set(FOLLOWS)


def test_waiting_doubles_and_ends() -> None:
    backoff = Backoff(first_s=2.0, longest_s=10.0, attempts=4)
    waits = [backoff.next(1.0, True) for _ in range(5)]
    for wait, most in zip(waits, (2.0, 4.0, 8.0, 10.0), strict=False):
        assert wait is not None
        assert 0.75 * most <= wait <= most
    assert waits[4] is None


def test_a_long_good_time_makes_the_count_begin_anew() -> None:
    backoff = Backoff(attempts=2, healthy_s=60.0)
    assert [backoff.next(61.0, False) is None for _ in range(5)] == [False] * 5


def test_a_lasting_fault_at_the_first_start_is_not_tried_again() -> None:
    assert Backoff().next(0.0, False) is None
    assert Backoff().next(5.0, False) is not None  # it had been up, so it can come up


def test_the_log_keeps_the_last_lines_and_no_secrets(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "logs" / "sglang.log", ("sesame", ""))
    for number in range(6000):
        journal.write(f"\x1b[2mline\x1b[0m {number} api_key='sesame'\x07")
    journal.close()
    lines = journal.after(5998)
    assert lines == [(5999, "line 5998 api_key='[hidden]'"), (6000, "line 5999 api_key='[hidden]'")]
    assert len(journal.after(0)) == 5000
    text = (tmp_path / "logs" / "sglang.log").read_text()
    assert "sesame" not in text
    assert text.count("\n") == 6000
    assert (tmp_path / "logs" / "sglang.log").stat().st_mode & 0o077 == 0


COMMAND = NodeCommand(rank=0, argv=["python", "-m", "sglang.launch_server", "--host=0.0.0.0", "--port", "30000"])


def test_a_launch_has_its_own_interpreter_its_key_and_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONTROL_TOKEN", "of ours")
    monkeypatch.setenv("PYTHONPATH", "/ours")
    made = launch(COMMAND, Path("/env/bin/python"), tmp_path, api_key="sesame", variables={"A": "1"})
    assert made.argv[0] == "/env/bin/python"
    assert made.argv[-2:] == ("--api-key", "sesame")
    assert made.url == "http://127.0.0.1:30000"
    assert made.environment["A"] == "1"
    assert not {"BACKEND_CONTROL_TOKEN", "PYTHONPATH"} & set(made.environment)
    assert "sesame" in made.secrets
    assert "sesame" not in repr(made).replace(repr(made.argv), "")


def test_another_rank_answers_no_http_and_gets_no_key(tmp_path: Path) -> None:
    made = launch(COMMAND.model_copy(update={"rank": 1}), Path("/env/bin/python"), tmp_path, api_key="sesame")
    assert made.url == ""
    assert "sesame" not in made.argv


def test_a_port_that_is_taken_is_seen_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = COMMAND.model_copy(update={"argv": ["python", "--host", "127.0.0.1", "--port", str(port)]})
        with pytest.raises(LaunchFailed, match=f"port {port}"):
            launch(command, Path("/p"), tmp_path).check()
    launch(command, Path("/p"), tmp_path).check()


def test_copies_have_ports_and_gpus_of_their_own() -> None:
    first, second = copies(COMMAND, 2, [31001, 31002], 4)
    assert [option(one.argv, "--port") for one in (first, second)] == ["31001", "31002"]
    assert [option(one.argv, "--base-gpu-id") for one in (first, second)] == ["0", "4"]
    assert option(second.argv, "--host") == "127.0.0.1"
    assert sum(word.startswith("--host") for word in second.argv) == 1


def test_an_option_is_replaced_where_it_stands_or_added() -> None:
    assert replaced(["a", "--x=1", "b"], "--x", "2") == ["a", "--x", "2", "b"]
    assert replaced(["a"], "--x", "2") == ["a", "--x", "2"]


def test_the_router_knows_all_workers(tmp_path: Path) -> None:
    made = router(["http://a:1", "http://b:2"], Path("/p"), tmp_path, host="0.0.0.0", port=9, metrics_port=10)
    assert made.argv[-2:] == ("http://a:1", "http://b:2")
    assert made.ready_path == "/readiness"


def test_the_router_waits_for_requests_as_long_as_it_is_told_and_is_waited_for_longer(tmp_path: Path) -> None:
    made = router(["http://a:1"], Path("/p"), tmp_path, host="::1", port=9, metrics_port=10, drain_s=7.0)
    assert option(list(made.argv), "--shutdown-grace-period-secs") == "7"
    assert made.drain_s > 7


def test_the_log_is_its_owners_alone_also_after_it_was_begun_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "engine.log")
    journal.write("one")
    journal._file.doRollover()
    journal.write("two")
    journal.close()
    assert [path.stat().st_mode & 0o077 for path in sorted(tmp_path.iterdir())] == [0, 0]


def test_a_printed_command_holds_no_key() -> None:
    command = NodeCommand(rank=1, argv=["python", "--admin-api-key", "k1", "--api-key=k2", "--port", "1"])
    assert command.shell() == "python --admin-api-key '[hidden]' '--api-key=[hidden]' --port 1"
