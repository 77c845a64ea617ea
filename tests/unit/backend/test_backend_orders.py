"""From an order to what is launched: copies share no GPU, the CPU engine gets what was planned, names are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import LaunchFailed
from backend.planner.hardware import Hardware, Node
from backend.serving.assemble import assemble, gpus_of, plan_order
from backend.serving.order import Order
from backend.supervisor.launch import launch_engine, option
from backend.supervisor.router import copies
from backend.tiny import make


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ordered") / "model"
    make(folder, int4=False)
    return folder


@pytest.mark.parametrize("count", [2, 4, 8])
def test_copies_on_one_machine_share_no_gpu(checkpoint: Path, count: int) -> None:
    plan = plan_order(Order(model=str(checkpoint), hardware="8xH200", replicas=count))
    each = gpus_of(plan)
    taken: list[int] = []
    for one in copies(plan.commands[0], count, list(range(1, count + 2)), each):
        argv = one.argv
        width = int(option(argv, "--tp-size") or 1) * int(option(argv, "--dp-size") or 1)
        first = int(option(argv, "--base-gpu-id") or 0)
        taken += range(first, first + width)
    assert len(taken) == len(set(taken)), taken
    assert max(taken) < 8


def test_the_cpu_engine_gets_the_context_the_cache_and_the_time_to_drain_that_were_planned(checkpoint: Path) -> None:
    plan = plan_order(Order(model=str(checkpoint), engine="cpu", context=4096, concurrency=100))
    argv = list(launch_engine(plan.commands[0], Path.cwd(), drain_s=45).argv)
    assert option(argv, "--context") == "4096"
    assert int(option(argv, "--memory-tokens")) >= 100 * 4096
    assert option(argv, "--drain") == "45"


@pytest.mark.parametrize("rank", [0, 1])
def test_two_nodes_with_cpus_get_a_part_of_the_model_each(
    checkpoint: Path, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Hardware(nodes=(Node(ram=64 * 2**30),), local=True)
    monkeypatch.setattr("backend.serving.assemble.detect", lambda: here)
    order = Order(model=str(checkpoint), engine="sglang", nnodes=2, node_rank=rank)
    with pytest.raises(LaunchFailed, match="Where the nodes meet"):
        plan_order(order)
    (command,) = plan_order(replace(order, dist_init_addr="10.0.0.1:20000")).commands
    told = {name: option(command.argv, f"--{name}") for name in ("tp-size", "nnodes", "node-rank", "dist-init-addr")}
    assert told == {"tp-size": "2", "nnodes": "2", "node-rank": str(rank), "dist-init-addr": "10.0.0.1:20000"}
    assert command.rank == rank


def test_over_ray_the_nodes_need_no_address_and_none_without_a_host_is_given(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Hardware(nodes=(Node(ram=64 * 2**30),), local=True)
    monkeypatch.setattr("backend.serving.assemble.detect", lambda: here)
    order = Order(model=str(checkpoint), engine="sglang", nnodes=2, use_ray=True, served_name="tiny")
    argv = plan_order(order).commands[0].argv
    assert argv[-1] == "--use-ray"
    assert not any(word.startswith((":", "--dist-init-addr")) for word in argv)
    assert (option(argv, "--nnodes"), option(argv, "--served-model-name")) == ("2", "tiny")


def test_a_name_is_not_taken_for_a_folder_and_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(LaunchFailed, match="is no folder"):
        plan_order(Order(model="Kimi-K2.6", hardware="8xH200"))


async def test_what_is_assembled_says_where_it_will_answer(checkpoint: Path, tmp_path: Path) -> None:
    order = Order(model=str(checkpoint), engine="cpu", port=31234, folder=tmp_path / "logs", host="0.0.0.0")
    supervised, subject = assemble(order, plan_order(order))
    status = subject.status()
    await supervised.close()
    assert (status.state, status.url) == ("stopped", "http://127.0.0.1:31234/v1")
