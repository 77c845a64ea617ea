"""Hardware: shorthands, inventory files with everything wrong in them, and what drivers print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.errors import BackendError
from backend.planner import detect
from backend.planner.gpu import CATALOGUE, GIB, MIB, capability_of, known
from backend.planner.hardware import hardware_of, parse_shorthand, read_inventory

GOOD = {"interconnect": "infiniband", "nodes": [{"host": "10.0.0.1", "gpu": "H200", "gpus": 8, "ram_gib": 2000}]}


def inventory(folder: Path, raw: object) -> Path:
    path = folder / "servers.json"
    path.write_text(json.dumps(raw))
    return path


@pytest.mark.parametrize(
    ("text", "nodes", "gpus", "name"),
    [
        ("8xH200", 1, 8, "H200"),
        ("2x8xH100-80G", 2, 8, "H100"),
        ("2 x 8 x h100 80gb", 2, 8, "H100"),
        ("L40S", 1, 1, "L40S"),
        ("4xNVIDIA A100-SXM4-40GB", 1, 4, "A100-40G"),
        ("1xRTX 4090 24G", 1, 1, "RTX 4090"),
        ("1xRTX 4090", 1, 1, "RTX 4090"),
        ("4xrtx6000", 1, 4, "RTX 6000 Ada"),
        ("8xAMD Instinct MI300X OAM", 1, 8, "MI300X"),
    ],
)
def test_a_shorthand_says_nodes_gpus_and_kind(text: str, nodes: int, gpus: int, name: str) -> None:
    found = parse_shorthand(text)
    assert len(found.nodes) == nodes
    assert {(node.gpus, node.gpu and node.gpu.name) for node in found.nodes} == {(gpus, name)}


@pytest.mark.parametrize("text", ["8xH900", "0xH200", "99xH200", "999x8xH200", "", "8x", "xH200", "servers.yaml"])
def test_what_is_no_hardware_is_refused_and_says_what_is(text: str) -> None:
    with pytest.raises(BackendError) as error:
        hardware_of(text)
    assert error.value.hint


def test_an_inventory_describes_servers_known_and_unknown(tmp_path: Path) -> None:
    odd = {"host": "b", "gpu": "X1", "gpus": 2, "gpu_memory_gib": 100, "vendor": "nvidia", "capability": 9.0}
    found = hardware_of(str(inventory(tmp_path, {**GOOD, "nodes": [*GOOD["nodes"], odd]})))
    assert found.interconnect == "infiniband"
    assert found.nodes[0].ram == 2000 * GIB
    x1 = found.nodes[1].gpu
    assert x1 is not None
    assert (x1.memory, x1.capability) == (100 * GIB, 90)
    assert [len(group) for group in found.groups()] == [1, 1]
    assert found.describe() == "8 x H200 and 2 x X1"


@pytest.mark.parametrize("odd", [{"gpu_memory_gib": 284}, {"capability": 10.0}])
def test_servers_that_differ_in_more_than_the_name_share_no_model(tmp_path: Path, odd: dict[str, float]) -> None:
    nodes = [{"gpu": "H100", "gpus": 8}, {"gpu": "H100", "gpus": 8} | odd, {"gpu": "H100", "gpus": 8}]
    found = read_inventory(inventory(tmp_path, {"nodes": nodes}))
    assert sorted([node.host for node in group] for group in found.groups()) == [["node0", "node2"], ["node1"]]


def test_an_inventory_may_be_toml(tmp_path: Path) -> None:
    path = tmp_path / "servers.toml"
    path.write_text('[[nodes]]\nhost = "a"\ngpu = "H100-80G"\ngpus = 8\n\n[[nodes]]\ngpu = "H100"\ngpus = 8\n')
    found = read_inventory(path)
    assert [node.host for node in found.nodes] == ["a", "node1"]
    assert len(found.groups()) == 1


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({**GOOD, "nods": []}, "nods is not known here"),
        ({"nodes": []}, "nodes: "),
        ([], "the file: |the file is of"),
        ({"nodes": [{"gpu": "H200", "gpus": 8, "gpu_count": 8}]}, r"nodes\.0\.gpu_count is not known here"),
        ({"nodes": [{"gpu": "H200", "gpus": 0}]}, r"nodes\.0\.gpus is '0'; at least 1 is wanted"),
        ({"nodes": [{"gpu": "H200", "gpus": "many"}]}, r"nodes\.0\.gpus is 'many'; a whole number is wanted"),
        ({"nodes": [{"gpu": "Z9", "gpus": 8}]}, "'Z9' is not known; say gpu_memory_gib"),
        ({"nodes": [{"gpu": "Z9", "gpus": 8, "gpu_memory_gib": 80, "vendor": "nvidia"}]}, "compute capability"),
        ({"nodes": [{"host": "a; rm -rf /", "gpu": "H200", "gpus": 8}]}, r"nodes\.0\.host"),
        ({**GOOD, "interconnect": "string"}, "interconnect is 'string'"),
        ({"nodes": [{"gpu": "H200", "gpus": 8, "ram_gib": -1}]}, r"nodes\.0\.ram_gib"),
    ],
)
def test_a_wrong_inventory_is_refused_by_its_place(tmp_path: Path, raw: object, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        read_inventory(inventory(tmp_path, raw))


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, '{"nodes": NaN}'])
def test_garbage_as_an_inventory_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "servers.json"
    path.write_text(text)
    with pytest.raises(BackendError, match=r"servers\.json"):
        read_inventory(path)
    with pytest.raises(BackendError, match="no inventory file"):
        read_inventory(tmp_path / "gone.json")


def test_a_host_that_begins_with_a_dash_is_no_option(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="host"):
        read_inventory(inventory(tmp_path, {"nodes": [{"host": "-oProxyCommand", "gpu": "H200", "gpus": 8}]}))
    for host in ("gpu-1.example.org", "10.0.0.1", "[fd00::1]"):
        assert (
            read_inventory(inventory(tmp_path, {"nodes": [{"host": host, "gpu": "H200", "gpus": 8}]})).nodes[0].host
            == host
        )


def test_nvidia_smi_is_read_line_by_line() -> None:
    notes: list[str] = []
    text = "NVIDIA H100 80GB HBM3, 81559, 4, 9.0\nNVIDIA H100 80GB HBM3, 81559, 70000, 9.0\n"
    gpus = detect.parse_nvidia(text, notes)
    assert [(gpu.name, gpu.memory, gpu.capability) for gpu in gpus] == [("H100 80GB HBM3", 81559 * MIB, 90)] * 2
    assert len(notes) == 1
    assert "70000 MiB of GPU 1" in notes[0]


@pytest.mark.parametrize(
    "line",
    ["NVIDIA GB10, [N/A], [N/A], 12.1", "NVIDIA A100, inf, 0, 8.0", "half a line", "Odd GPU, 1000, 0, [N/A]", ",,,"],
)
def test_what_nvidia_smi_cannot_say_is_noted_and_not_counted(line: str) -> None:
    notes: list[str] = []
    assert detect.parse_nvidia(f"{line}\nNVIDIA L4, 23034, 0, 8.9\n", notes)[0].name == "L4"
    assert len(notes) == 1


def test_an_old_driver_without_capabilities_is_helped_by_the_catalogue() -> None:
    assert detect.parse_nvidia("NVIDIA A100-SXM4-80GB, 81920, 0, [N/A]", [])[0].capability == 80
    assert capability_of("NVIDIA H200") == 90
    assert capability_of("GeForce 9") is None


def test_rocm_smi_is_read_as_json_after_its_warnings() -> None:
    card = {"VRAM Total Memory (B)": "206141652992", "Card Series": "AMD Instinct MI300X OAM"}
    text = "WARNING: power state\n" + json.dumps({"card0": card, "card1": card, "system": {"Driver": "6"}})
    gpus = detect.parse_amd(text, [])
    assert [(gpu.name, gpu.vendor, gpu.memory) for gpu in gpus] == [("MI300X", "amd", 206141652992)] * 2


@pytest.mark.parametrize(
    "text", ["", "no GPU", "{", "{}", '{"card0": 1}', '{"card0": {"Card Series": "MI300X"}}', "[]"]
)
def test_what_rocm_smi_cannot_say_is_no_gpu(text: str) -> None:
    assert detect.parse_amd(text, []) == []


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_this_machines_gpus_are_found_by_the_drivers_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "\\n".join(["NVIDIA H200, 143771, 0, 9.0"] * 8 + ["NVIDIA T4, 15360, 0, 7.5"])
    tool(tmp_path, "nvidia-smi", f"printf '{lines}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = detect.detect()
    assert found.describe() == "8 x H200"
    assert found.local
    assert any("8 x H200" in note for note in found.notes)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,7,99")
    assert detect.detect().describe() == "3 x H200"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-12ab")
    assert detect.detect().describe() == "8 x H200"


def test_a_driver_that_fails_or_is_not_there_means_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    none = detect.detect()
    assert none.groups() == []
    assert none.notes == ()
    assert none.nodes[0].ram
    tool(tmp_path, "nvidia-smi", "echo 'NVIDIA-SMI has failed: no driver'; exit 9")
    failed = detect.detect()
    assert failed.groups() == []
    assert failed.notes == ("nvidia-smi failed (exit 9): NVIDIA-SMI has failed: no driver",)


def test_a_driver_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "nvidia-smi", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(detect, "WAIT_S", 0.2)
    assert "does not answer" in detect.detect().notes[0]


def test_every_gpu_of_the_catalogue_is_found_by_its_own_name() -> None:
    assert all(known(name) == gpu for name, gpu in CATALOGUE.items())
