"""What divides what, in a table; and which of several layouts that fit is the better one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.planner.candidates import Candidate, Group, best, candidates
from backend.planner.gpu import CATALOGUE
from backend.planner.layout import wrong
from backend.planner.memory import Cut
from backend.planner.model import find_model
from backend.planner.scheme import int4
from backend.planner.shape import FP8, Shape
from backend.planner.wish import Wish

KIMI = find_model("Kimi-K2.6").shape
QWEN = find_model("Qwen3-30B-A3B").shape
MOONLIGHT = find_model("Moonlight-16B-A3B").shape


def changed(shape: Shape, **sizes: object) -> Shape:
    return shape.model_copy(update=sizes)


@pytest.mark.parametrize(
    ("shape", "gpu", "cut", "said"),
    [
        (KIMI, "H200", Cut(8), ""),
        (KIMI, "H200", Cut(3), "64 heads of attention do not go on 3 GPUs"),
        (KIMI, "MI300X", Cut(4), ""),
        (KIMI, "MI300X", Cut(8), "8 heads a GPU is no multiple of 16"),
        (KIMI, "MI300X", Cut(4, data=2), "not tried on ROCm"),
        (KIMI, "H200", Cut(8, data=8), ""),
        (KIMI, "H200", Cut(8, data=3), "do not go"),
        (KIMI, "H200", Cut(64), "an expert's width 2048 over 64 GPUs is no multiple of 64"),
        (KIMI, "H200", Cut(64, expert=64), ""),
        (changed(KIMI, inner=100), "H200", Cut(8), "a dense layer's width 100 does not go on 8 GPUs"),
        (changed(KIMI, experts=100), "H200", Cut(8, expert=8), "100 experts do not go on 8 GPUs"),
        (QWEN, "H100", Cut(8), ""),
        (changed(QWEN, heads=12, key_values=6), "H100", Cut(4), "6 heads of keys do not go on 4 GPUs"),
        (changed(QWEN, heads=12, key_values=6), "H100", Cut(12), ""),
        (changed(QWEN, scheme=FP8), "H100", Cut(4), "an expert's width 768 over 4 GPUs is no multiple of 128"),
        (changed(QWEN, scheme=FP8), "H100", Cut(2), ""),
        (changed(MOONLIGHT, scheme=int4(32)), "H100", Cut(4), "1408 over 4 GPUs is no multiple of 64"),
        (changed(MOONLIGHT, scheme=int4(32)), "H100", Cut(2), ""),
    ],
)
def test_what_must_divide_is_said_in_numbers(shape: Shape, gpu: str, cut: Cut, said: str) -> None:
    found = wrong(shape, CATALOGUE[gpu], cut)
    assert said in found if said else not found


def one(**parts: object) -> Candidate:
    found = next(candidates(MOONLIGHT, Group(CATALOGUE["H100"], 2, 2), Wish()))
    return replace(found, **parts)  # type: ignore[arg-type]  (of any field)


def test_a_copy_stays_inside_a_node_even_if_attention_goes_by_data() -> None:
    inside, across = one(cut=Cut(2, data=2), copies=2), one(cut=Cut(4), spans=2, copies=100)
    assert best([across, inside], 1024, 1) is inside


def test_attention_stays_together_even_if_that_is_tight() -> None:
    usual = one().budget
    together, by_data = one(budget=replace(usual, tight=True)), one(cut=Cut(2, data=2), copies=100)
    assert best([by_data, together], 1024, 1) is together


def test_of_as_many_requests_the_layout_with_more_tokens_is_better() -> None:
    few = replace(one().budget, running=4)
    less, more = one(budget=few), one(budget=few, cut=Cut(2), weights=one().weights // 2)
    assert less.requests(1024) == more.requests(1024)
    assert best([less, more], 1024, 1) is more
