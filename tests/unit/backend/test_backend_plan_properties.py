"""What holds for every plan: no GPU holds more than it has, and what is cut adds up to the whole."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.checkpoint.config import DEEPSEEK
from backend.errors import BackendError, PlanRefused
from backend.planner.candidates import Group, best, candidates
from backend.planner.catalogue import KNOWN
from backend.planner.gpu import CATALOGUE
from backend.planner.hardware import Hardware, Node, hardware_of, parse_shorthand
from backend.planner.layout import cuts, wrong
from backend.planner.memory import Cut, placed, weights_of_gpu
from backend.planner.model import find_model, shape_of
from backend.planner.plan import Plan
from backend.planner.planner import make_plan
from backend.planner.shape import Model, Shape
from backend.planner.wish import Wish

SHAPES = {name: find_model(name).shape for name in KNOWN}


@st.composite
def latent_configs(draw: st.DrawFn) -> dict[str, object]:
    """DeepSeek-V3's architecture in all sizes, sensible or not."""
    return {
        "architectures": [DEEPSEEK],
        "vocab_size": draw(st.integers(1000, 200_000)),
        "hidden_size": 64 * draw(st.integers(4, 128)),
        "num_hidden_layers": draw(st.integers(1, 80)),
        "first_k_dense_replace": draw(st.integers(0, 3)),
        "intermediate_size": 64 * draw(st.integers(4, 400)),
        "moe_intermediate_size": 32 * draw(st.integers(2, 100)),
        "num_attention_heads": draw(st.sampled_from([4, 6, 8, 12, 16, 32, 64, 128])),
        "q_lora_rank": draw(st.sampled_from([None, 512, 1536])),
        "kv_lora_rank": draw(st.sampled_from([64, 256, 512])),
        "qk_nope_head_dim": draw(st.sampled_from([32, 64, 128])),
        "qk_rope_head_dim": draw(st.sampled_from([16, 64])),
        "v_head_dim": draw(st.sampled_from([32, 64, 128])),
        "n_routed_experts": draw(st.integers(8, 400)),
        "num_experts_per_tok": draw(st.integers(1, 8)),
        "max_position_embeddings": draw(st.integers(1024, 300_000)),
        "tie_word_embeddings": draw(st.booleans()),
    }


def models() -> st.SearchStrategy[Shape]:
    random = latent_configs().map(lambda config: shape_of(config, "config.json"))
    return st.one_of(st.sampled_from(list(SHAPES.values())), random)


wishes = st.builds(
    Wish,
    context=st.none() | st.integers(1, 300_000),
    concurrency=st.none() | st.integers(1, 2000),
    cache_type=st.sampled_from(["auto", "bf16", "fp8_e4m3"]),
)


def tried(model: Model, hardware: Hardware, wish: Wish | None = None) -> Plan | PlanRefused:
    try:
        return make_plan(model, hardware, wish)
    except PlanRefused as refusal:
        return refusal


@settings(max_examples=150, deadline=None)
@given(models(), st.sampled_from(list(CATALOGUE)), st.integers(1, 4), st.integers(1, 8), wishes)
def test_a_plan_never_holds_more_than_a_gpu_has_and_keeps_what_it_promises(
    shape: Shape, gpu: str, nodes: int, gpus: int, wish: Wish
) -> None:
    model = Model(name="m", path="/models/m", shape=shape)
    found = tried(model, parse_shorthand(f"{nodes}x{gpus}x{gpu}"), wish)
    if isinstance(found, PlanRefused):
        assert found.sentence
        assert found.hint
        return
    memory, layout = found.memory, found.layout
    assert memory.free >= 0
    assert min(memory.weights, memory.cache, memory.reserve) > 0
    assert memory.total == CATALOGUE[gpu].memory
    assert found.context == (wish.context or found.context) <= shape.context
    assert found.concurrency >= wish.requests
    assert found.cache_tokens >= found.context * found.concurrency
    assert layout.tensor * layout.replicas <= nodes * gpus
    assert shape.heads % (layout.tensor // layout.attention_data) == 0
    assert len(found.commands) <= nodes


@settings(max_examples=150, deadline=None)
@given(models(), st.sampled_from(list(CATALOGUE)), st.integers(1, 32))
def test_what_is_cut_over_gpus_adds_up_to_the_checkpoint(shape: Shape, gpu: str, tensor: int) -> None:
    for cut in cuts(shape, CATALOGUE[gpu], tensor):
        parts = list(placed(shape, cut))
        assert sum(size for _, size, _ in parts) == shape.weights.loaded
        assert all(cut.tensor % ways == 0 and 1 <= ways <= cut.tensor for _, _, ways in parts)
        each = weights_of_gpu(shape, cut)
        copied = sum(size * (cut.tensor // ways - 1) for _, size, ways in parts)
        absorbed = shape.absorbed * cut.data
        assert 0 <= each * cut.tensor - shape.weights.loaded - copied - absorbed <= cut.tensor * 12


@settings(max_examples=100, deadline=None)
@given(models(), st.sampled_from(list(CATALOGUE)), st.integers(1, 32))
def test_more_gpus_never_need_more_memory_each(shape: Shape, gpu: str, tensor: int) -> None:
    whole = weights_of_gpu(shape, Cut(1))
    for cut in cuts(shape, CATALOGUE[gpu], tensor):
        assert weights_of_gpu(shape, cut) <= whole + 12
        assert not wrong(shape, CATALOGUE[gpu], cut)


@settings(max_examples=60, deadline=None)
@given(models(), st.sampled_from(["H200", "MI300X", "RTX 4090"]), st.integers(1, 8), st.integers(1, 50_000))
def test_the_best_layout_holds_what_is_asked_for_if_any_does(shape: Shape, gpu: str, gpus: int, context: int) -> None:
    found = list(candidates(shape, Group(CATALOGUE[gpu], 2, gpus), Wish()))
    assert all(gpus // one.cut.tensor <= 1 for one in found if one.cut.data > 1), "copies beside attention by data"
    chosen = best(found, context, 2)
    fitting = [one for one in found if one.requests(context) >= 2]
    assert (chosen is None) == (not fitting)
    if chosen is not None:
        assert chosen in fitting
        assert chosen.spans == 1 or all(one.spans > 1 for one in fitting), "over nodes though it fits in one"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_no_text_as_hardware_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        found = hardware_of(text)
    except BackendError as error:
        found = error
    assert found.sentence if isinstance(found, BackendError) else found.groups()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_a_config_with_garbage_in_it_is_read_or_refused(name: str, data: st.DataObject) -> None:
    config = json.loads(json.dumps(KNOWN[name].config))
    places = [config, *(value for value in config.values() if isinstance(value, dict))]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from([*sorted(place), "quantization_config", "use_sliding_window"]))] = data.draw(JSON)
    try:
        shape = shape_of(config, "config.json")
    except BackendError as error:
        assert error.sentence.startswith("config.json")  # noqa: PT017  (refusing is one of the two right answers)
        return
    found = tried(Model(name=name, path=name, shape=shape), Hardware(nodes=(Node(gpus=8, gpu=CATALOGUE["H200"]),)))
    assert found.sentence if isinstance(found, PlanRefused) else found.memory.free >= 0
