"""Known models on known hardware: layouts and numbers worked out by hand, and refusals with the way out."""

from __future__ import annotations

import pytest

from backend.errors import PlanRefused
from backend.planner.catalogue import KNOWN
from backend.planner.cpu import plan_cpu
from backend.planner.gpu import GIB, MIB
from backend.planner.hardware import Hardware, Node, hardware_of, parse_shorthand
from backend.planner.memory import Cut, cache_per_token, weights_of_gpu
from backend.planner.model import find_model, shape_of
from backend.planner.plan import Plan
from backend.planner.planner import make_plan
from backend.planner.shape import Model
from backend.planner.wish import Wish

K26_TOKEN = (512 + 64) * 61 * 2  # 70,272 bytes, by the reference


def plan(model: str, hardware: str, **wish: object) -> Plan:
    return make_plan(find_model(model), hardware_of(hardware), Wish.model_validate(wish))


def flag(found: Plan, name: str, command: int = 0) -> str | None:
    argv = found.commands[command].argv
    return argv[argv.index(name) + 1] if name in argv else None


def test_k26_has_554_gib_of_weights_and_70272_bytes_of_cache_a_token() -> None:
    found = plan("Kimi-K2.6", "8xH200")
    assert found.weight_bytes == pytest.approx(554.3 * GIB, rel=1e-6)
    assert found.memory.cache_per_token == K26_TOKEN == 70_272


@pytest.mark.parametrize(
    ("hardware", "tensor", "nodes", "replicas"),
    [("8xH200", 8, 1, 1), ("8xB200", 8, 1, 1), ("4xGB200", 4, 1, 1), ("8xMI300X", 4, 1, 2), ("2x8xH100-80G", 16, 2, 1)],
)
@pytest.mark.parametrize("model", ["Kimi-K2.6", "Kimi-K2.5"])
def test_kimi_is_laid_out_as_its_recipes_say(model: str, hardware: str, tensor: int, nodes: int, replicas: int) -> None:
    found = plan(model, hardware)
    layout = found.layout
    assert (layout.tensor, layout.nodes, layout.replicas, layout.attention_data) == (tensor, nodes, replicas, 1)
    assert found.context == 262_144
    assert found.concurrency >= 1
    assert len(found.commands) == nodes
    assert flag(found, "--tp-size") == str(tensor)
    assert flag(found, "--tool-call-parser") == flag(found, "--reasoning-parser") == "kimi_k2"
    assert {"--trust-remote-code", "--enable-metrics", "--enable-cache-report"} <= set(found.commands[0].argv)


def test_k26_on_8_h200_by_hand() -> None:
    """GiB: 531.5 of experts, 4.92 of shared experts, 0.74 of the dense layer and 2.19 of the head go on 8 GPUs; so do
    2.19 of embeddings and 9.77 of attention, whose kv_b (0.95) is there twice; 1.72 of down-projections, 0.31 of
    routers and 0.9 of vision lie on each. SGLang keeps 16,384 MiB: 12,288 for chunks of 8,192 tokens, 512, 1,024 for
    TP 8, 1,024 for 512 graphs, 1,536 for MLA; and of the rest 0.95 * (1 - 0.1 * (1.42383 - 1)) is left beside images.
    """
    found = plan("Kimi-K2.6", "8xH200")
    by_hand = (531.56 + 4.92 + 0.74 + 2.19 + 2.19 + 9.77 + 0.95) / 8 + 1.72 + 0.31 + 0.88 + 0.03
    assert found.memory.weights / GIB == pytest.approx(by_hand, abs=0.05)
    fraction = (143771 - 16384) / 143771 * 0.95 * (1 - 0.1 * (27 * 1152**2 / (24 * 1024**2) - 1))
    assert flag(found, "--mem-fraction-static") == "0.806"
    assert fraction == pytest.approx(0.806, abs=0.0005)
    cache = (143771 * MIB - 13 * GIB // 4) * 0.806 - found.memory.weights
    assert found.cache_tokens == pytest.approx((cache - 100 * MIB) / K26_TOKEN, rel=1e-4)
    assert found.concurrency == found.cache_tokens // 262_144 == 2


def test_attention_by_data_has_all_heads_on_every_gpu_by_hand() -> None:
    """GiB: attention (9.77), its kv_b again (0.95) and embeddings (2.19) whole; experts and the head as before."""
    each = weights_of_gpu(find_model("Kimi-K2.5").shape, Cut(8, data=8))
    by_hand = (531.56 + 4.92 + 0.74 + 2.19) / 8 + 9.77 + 0.95 + 2.19 + 1.72 + 0.31 + 0.88 + 0.03
    assert each / GIB == pytest.approx(by_hand, abs=0.05)


def test_four_heads_of_keys_are_cut_over_four_gpus_at_most_by_hand() -> None:
    """Bytes of Qwen3-30B-A3B on 8 GPUs: keys and values (2 x 48 x 2048 x 512 x 2) by 4, routers and norms whole."""
    shape = find_model("Qwen3-30B-A3B").shape
    cut = 2 * 151936 * 2048 * 2 + 2 * 48 * 2048 * 4096 * 2 + 48 * 128 * 3 * 2048 * 768 * 2
    whole = 48 * 128 * 2048 * 2 + 97 * 2048 * 2
    assert weights_of_gpu(shape, Cut(8)) == cut // 8 + 2 * 48 * 2048 * 512 * 2 // 4 + whole
    assert cache_per_token(shape, Cut(8), "bf16") == cache_per_token(shape, Cut(4), "bf16") == 2 * 128 * 48 * 2


def test_a_tight_plan_keeps_10_gib_and_8_for_images_and_says_how_many_run_at_once() -> None:
    found = plan("Kimi-K2.6", "4xGB200", context=2048)
    assert (
        flag(found, "--mem-fraction-static") == f"{int((189471 - 10240 - 8192) / 189471 * 1000) / 1000:.3f}" == "0.902"
    )
    assert flag(found, "--chunked-prefill-size") == "4096"
    assert found.cache_tokens // 2048 > found.concurrency == int(flag(found, "--max-running-requests") or 0) == 64
    assert any("64 requests run at once" in warning for warning in found.warnings)
    kept = next(row.value for row in found.rows if row.label == "kept free")
    assert kept == f"{found.memory.reserve / GIB:.1f} GiB"


def test_over_two_nodes_every_node_has_its_rank_and_the_first_nodes_address() -> None:
    found = plan("Kimi-K2.6", "2x8xH100-80G", port=8000)
    assert [flag(found, "--node-rank", rank) for rank in (0, 1)] == ["0", "1"]
    assert {flag(found, "--dist-init-addr", rank) for rank in (0, 1)} == {"node0:20000"}
    assert {flag(found, "--nnodes", rank) for rank in (0, 1)} == {"2"}
    assert [(one.rank, one.host, one.replica) for one in found.commands] == [(0, "node0", 0), (1, "node1", 0)]
    assert flag(found, "--port") == "8000"
    assert any("InfiniBand" in warning for warning in found.warnings)
    known = Hardware(nodes=parse_shorthand("2x8xH100").nodes, interconnect="infiniband")
    quiet = make_plan(find_model("Kimi-K2.6"), known)
    assert not any("InfiniBand" in warning for warning in quiet.warnings)


def test_amd_has_its_environment_cache_type_and_fraction() -> None:
    found = plan("Kimi-K2.6", "8xMI300X")
    assert found.commands[0].env == {"SGLANG_USE_AITER": "1", "SGLANG_ROCM_FUSED_DECODE_MLA": "0"}
    assert flag(found, "--kv-cache-dtype") == "fp8_e4m3"
    assert flag(found, "--mem-fraction-static") == "0.800"
    assert flag(found, "--dp-size") == "2"
    assert found.memory.cache_per_token == K26_TOKEN // 2


def test_4_h100_are_refused_with_numbers_and_ktransformers() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan("Kimi-K2.6", "4xH100-80G")
    assert "554.3 GiB" in refusal.value.sentence
    assert "141.0 GiB lie on each GPU" in refusal.value.sentence
    assert "79.6 GiB" in refusal.value.sentence
    for way in ("2 nodes of 8 x H100", "KTransformers", "600 GB of RAM", "AVX512F"):
        assert way in refusal.value.hint


@pytest.mark.parametrize(("ram", "avx512", "said"), [(2048, True, "2199 GB"), (512, False, "has not")])
def test_ktransformers_needs_are_held_against_what_the_node_has(ram: int, avx512: bool, said: str) -> None:
    node = parse_shorthand("4xH100").nodes[0].model_copy(update={"ram": ram * GIB, "avx512": avx512})
    with pytest.raises(PlanRefused) as refusal:
        make_plan(find_model("Kimi-K2.6"), Hardware(nodes=(node,)))
    assert said in refusal.value.hint


def test_ktransformers_is_not_offered_for_small_models_nor_where_the_weights_fit() -> None:
    for model, hardware, wish in (("Qwen3-30B-A3B", "1xRTX 4090", {}), ("Kimi-K2.6", "8xH200", {"concurrency": 3000})):
        with pytest.raises(PlanRefused) as refusal:
            plan(model, hardware, **wish)
        assert "KTransformers" not in refusal.value.hint
    config = KNOWN["Kimi-K2.6"].config
    small = shape_of({**config, "text_config": {**config["text_config"], "num_hidden_layers": 10}}, "config.json")
    with pytest.raises(PlanRefused) as refusal:
        make_plan(Model(name="small", path="small", shape=small), parse_shorthand("2xRTX 4090"))
    assert "KTransformers" not in refusal.value.hint


def test_fp8_is_not_advised_where_no_kernel_computes_it() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan("Qwen3-30B-A3B", "A100-40G")
    assert "INT4" in refusal.value.hint
    assert "FP8" not in refusal.value.hint


@pytest.mark.parametrize("hardware", ["1xA100-40G", "1xL40S", "1xA100-80G", "1xH100"])
def test_moonlight_runs_on_one_card_of_40_gib_and_more(hardware: str) -> None:
    found = plan("Moonlight-16B-A3B", hardware)
    assert found.context == 8192
    assert found.memory.cache_per_token == 576 * 27 * 2
    assert found.weight_bytes == pytest.approx(15.96e9 * 2, rel=0.001)
    assert found.layout.tensor == 1


def test_moonlight_on_24_gib_is_refused_and_its_int4_version_named() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan("Moonlight-16B-A3B", "RTX 4090")
    assert "29.7 GiB of weights" in refusal.value.sentence
    # 28.79 GB of experts at 4.5 of 16 bits, and 3.13 GB as they are: 11.2 GB.
    assert "INT4 (groups of 32) version, about 10.5 GiB, fits on 1 x RTX 4090" in refusal.value.hint
    assert "backend quantize" in refusal.value.hint


def test_a_30b_model_in_bf16_wants_80_gib() -> None:
    found = plan("Qwen3-30B-A3B", "1xH100")
    assert found.memory.cache_per_token == 2 * 4 * 128 * 48 * 2
    assert found.weight_bytes == pytest.approx(30.53e9 * 2, rel=0.001)
    assert (flag(found, "--tool-call-parser"), flag(found, "--reasoning-parser")) == ("qwen25", "qwen3")
    for small in ("RTX 4090", "A100-40G", "L40S"):
        with pytest.raises(PlanRefused, match=r"56\.9 GiB of weights"):
            plan("Qwen3-30B-A3B", small)


def test_a_30b_model_on_24_gib_fits_as_int4_but_not_as_fp8() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan("Qwen3-30B-A3B", "RTX 4090")
    assert "INT4 (groups of 128) version, about 15.6 GiB, fits on 1 x RTX 4090" in refusal.value.hint
    assert "FP8 version" not in refusal.value.hint
    with pytest.raises(PlanRefused):
        plan("Qwen3-30B-A3B-FP8", "RTX 4090")
    assert plan("Qwen3-30B-A3B-FP8", "L40S").context == 40_960


def test_fp8_experts_too_narrow_to_be_cut_are_dealt_out_whole() -> None:
    """768 over 4 GPUs is 192, no multiple of FP8's 128."""
    found = plan("Qwen3-30B-A3B-FP8", "8xH100")
    assert found.layout.expert == found.layout.tensor == 4
    assert flag(found, "--ep-size") == "4"
    assert plan("Qwen3-30B-A3B", "8xH100").layout.expert == 1


def test_a_small_model_on_many_gpus_is_copied_and_not_cut() -> None:
    found = plan("Moonlight-16B-A3B", "8xH100")
    assert (found.layout.tensor, found.layout.replicas) == (1, 8)
    assert flag(found, "--dp-size") == "8"
    across = plan("Moonlight-16B-A3B", "2x8xH100")
    assert across.layout.replicas == 16
    assert [(one.rank, one.replica) for one in across.commands] == [(0, 0), (0, 1)]
    assert "--nnodes" not in across.commands[1].argv


def test_many_requests_at_once_put_attention_on_data() -> None:
    found = plan("Kimi-K2.5", "8xH200", context=262_144, concurrency=16)
    assert found.layout.attention_data == 8
    assert flag(found, "--attn-dp-size") == "8"
    assert flag(found, "--dp-size") is None
    assert found.concurrency >= 16
    assert found.cache_tokens >= 16 * 262_144


def test_a_wish_too_great_is_refused_with_what_would_fit_and_that_does_fit() -> None:
    with pytest.raises(PlanRefused) as refusal:
        plan("Kimi-K2.5", "8xH200", context=32_768, concurrency=300)
    hint = refusal.value.hint
    fewer = int(hint.split("--concurrency ")[1].split(" ")[0])
    assert f"at most {fewer} such requests" in refusal.value.sentence
    shorter = int(hint.split("--context ")[1].split(" ")[0])
    assert plan("Kimi-K2.5", "8xH200", context=32_768, concurrency=fewer).concurrency >= fewer
    assert plan("Kimi-K2.5", "8xH200", context=shorter, concurrency=300).concurrency >= 300


def test_more_context_than_the_model_knows_is_refused() -> None:
    with pytest.raises(PlanRefused, match="at most 8,192 tokens"):
        plan("Moonlight-16B-A3B", "1xH100", context=16_384)


def test_old_gpus_are_refused_by_their_capability() -> None:
    for gpu in ("T4", "V100-32G"):
        with pytest.raises(PlanRefused, match=r"compute capability 7\.[05]; 8\.0"):
            plan("Moonlight-16B-A3B", gpu)
    with pytest.raises(PlanRefused, match=r"an FP8 cache wants 8\.9"):
        plan("Moonlight-16B-A3B", "A100-80G", cache_type="fp8_e4m3")


@pytest.mark.parametrize(
    ("hardware", "runner"),
    [("8xH200", "marlin"), ("8xB200", "flashinfer_trtllm"), ("4xGB200", "flashinfer_trtllm"), ("8xMI300X", "triton")],
)
def test_the_experts_backend_is_the_one_sglang_chooses(hardware: str, runner: str) -> None:
    found = plan("Kimi-K2.6", hardware)
    assert next(row.value for row in found.rows if row.label == "experts") == runner


def test_without_a_gpu_the_cpu_engine_serves_what_fits_in_ram() -> None:
    here = Hardware(nodes=(Node(ram=64 * GIB),), local=True)
    found = make_plan(find_model("Moonlight-16B-A3B"), here)
    assert found.engine == "cpu"
    assert found.commands[0].argv[:5] == ["python", "-m", "backend", "engine", "moonshotai/Moonlight-16B-A3B"]
    assert flag(found, "--context") == "8192"
    assert found.memory.free >= 0
    assert (flag(found, "--memory-tokens"), found.cache_tokens, found.concurrency) == ("262144", 262144, 32)
    assert found.memory.cache == 262144 * found.memory.cache_per_token
    assert (found.rows[-1].value, found.rows[-1].note) == ("32 requests of that length", "262,144 tokens in all")
    assert found.warnings == []
    assert found.assumptions[0] == "No GPU was found here: the CPU engine serves the model."
    little = make_plan(find_model("Moonlight-16B-A3B"), here, Wish(concurrency=160))
    assert (little.context, flag(little, "--context")) == (5120, "5120")
    assert (little.concurrency, flag(little, "--memory-tokens")) == (160, str(little.cache_tokens))
    with pytest.raises(PlanRefused, match="at most 8,192 tokens"):
        plan_cpu(find_model("Moonlight-16B-A3B"), here, Wish(context=9000))
    small = Hardware(nodes=(Node(ram=24 * GIB),), local=True)
    with pytest.raises(PlanRefused, match=r"does not fit in RAM .*29\.8 GiB of weights"):
        make_plan(find_model("Moonlight-16B-A3B"), small)
    with pytest.raises(PlanRefused, match="the CPU engine serves"):
        make_plan(find_model("Qwen3-30B-A3B"), here)


def test_no_command_holds_a_key_and_the_printed_one_takes_it_from_the_environment() -> None:
    found = plan("Kimi-K2.6", "2x8xH100")
    assert all("--api-key" not in one.argv for one in found.commands)
    assert found.commands[0].shell().endswith('--api-key "$SGLANG_API_KEY"')
    assert "--api-key" not in found.commands[1].shell()
    amd = plan("Kimi-K2.6", "8xMI300X").commands[0].shell()
    assert amd.startswith("SGLANG_ROCM_FUSED_DECODE_MLA=0 SGLANG_USE_AITER=1 python -m sglang.launch_server ")
