"""One forward pass over pieces of many sequences: whatever is cut, mixed or paged, each gets what it gets alone."""

from __future__ import annotations

import pytest
import torch
from engine_model_kit import PAGE, apart, checkpoint, loaded, one_by_one, pages, prompt, whole
from torch import Tensor

from backend.engine.model.attention import Way
from backend.engine.model.batch import lay_out
from backend.engine.model.model import LanguageModel
from backend.engine.request import Piece

ways = pytest.mark.parametrize("way", ["compiled", "torch"])
NEAR = 0.12
"""Of logits with a deviation of 1.5: bf16 products in another order. A wrong position or page is above 1."""


def _near(ours: Tensor, theirs: Tensor) -> None:
    """All rows but those, one in twenty at most, in which rounding chose another expert."""
    far = (apart(ours, theirs) > NEAR).sum()
    assert far <= len(ours) // 20, apart(ours, theirs)


@pytest.fixture(params=["compiled", "torch"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    return loaded(monkeypatch, request.param, checkpoint("k2_heads", True))


@pytest.mark.parametrize("cuts", [[50], [16], [16, 32, 48], [1, 2, 99], [47, 49], [5, 40, 41, 60]])
def test_a_prompt_read_in_parts_gives_what_it_gives_as_a_whole(model: LanguageModel, cuts: list[int]) -> None:
    tokens, table = prompt(100), pages(20, 100)
    parts = [
        model.forward([Piece(list(tokens[low:high]), low, table, high - low)])
        for low, high in zip([0, *cuts], [*cuts, 100], strict=True)
    ]
    _near(torch.cat(parts), whole(model, tokens))


def test_decoding_after_a_prompt_gives_what_reading_all_gives(model: LanguageModel) -> None:
    """Over borders of pages too: at 64 a new one begins."""
    tokens, table = prompt(100), pages(20, 100)
    model.forward([Piece(list(tokens[:60]), 0, table, 0)])
    _near(one_by_one(model, tokens, table, start=60), whole(model, tokens)[60:])


def _mixed() -> list[Piece]:
    """Decoding, a whole prompt, the middle of one, a short end: pieces of each kind, after their pasts."""
    return [
        Piece([7], 33, pages(0, 34), 1),
        Piece(list(prompt(50, 1)), 0, pages(4, 50), 2),
        Piece(list(prompt(90, 2)[40:]), 40, pages(8, 90), 0),
        Piece([9], 0, [15], 1),
        Piece(list(prompt(20, 3)[17:]), 17, pages(16, 20), 3),
        Piece([11], 16, pages(20, 17), 1),
    ]


def _pasts(model: LanguageModel) -> None:
    for length, seed, first in ((33, 4, 0), (40, 2, 8), (17, 3, 16), (16, 6, 20)):
        model.forward([Piece(list(prompt(length, seed)), 0, pages(first, length), 0)])


def test_pieces_of_all_kinds_in_one_call_get_what_each_gets_alone(model: LanguageModel) -> None:
    _pasts(model)
    together = model.forward(_mixed())
    alone = torch.cat([model.forward([piece]) for piece in _mixed()])
    assert together.shape == (8, model.vocab_size)
    assert apart(together, alone).max() < NEAR


def test_compiled_decoding_is_the_same_bits_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(monkeypatch, "compiled", checkpoint("k2_heads", True))
    tables = [pages(3 * number, 40) for number in range(20)]
    for number, table in enumerate(tables):
        model.forward([Piece(list(prompt(34, number)), 0, table, 0)])
    pieces = [Piece([number], 34, table, 1) for number, table in enumerate(tables)]
    together = model.forward(pieces)
    for size in (1, 2, 3, 5, 9):
        some = torch.cat([model.forward(pieces[at : at + size]) for at in range(0, 20, size)])
        assert torch.equal(some, together)


def test_two_threads_give_the_same_bits_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(monkeypatch, "compiled", checkpoint("k2_heads", True))
    table = pages(0, 330)
    model.forward([Piece(list(prompt(300)), 0, table, 0)])
    several = [Piece(list(prompt(30, 2)), 300, table, 30)]
    one = [Piece([5], 300, table, 1)]  # its heads are shared out
    alone = [model.forward(pieces) for pieces in (several, one)]
    torch.set_num_threads(2)
    try:
        assert torch.equal(model.forward(several), alone[0])
        assert torch.equal(model.forward(one), alone[1])
    finally:
        torch.set_num_threads(1)


def test_where_pages_lie_does_not_matter(model: LanguageModel) -> None:
    tokens = prompt(70)
    scattered = [40, 13, 22, 9, 31]
    assert torch.equal(whole(model, tokens, scattered), whole(model, tokens))
    for at in (69, 70):
        assert torch.equal(
            model.forward([Piece([5], at, scattered, 1)]), model.forward([Piece([5], at, pages(0, 71), 1)])
        )


def test_a_shared_prefix_is_read_by_those_that_share_it(model: LanguageModel) -> None:
    """Two sequences over the pages of one prompt, each with an end of its own."""
    tokens = prompt(48)
    model.forward([Piece(list(tokens), 0, [0, 1, 2], 0)])
    ends = [list(prompt(12, 9)), list(prompt(40, 10))]
    pieces = [Piece(ends[0], 48, [0, 1, 2, 7], 1), Piece(ends[1], 48, [0, 1, 2, 8, 9, 10], 1)]
    shared = model.forward(pieces)
    for row, end in zip(shared, ends, strict=True):
        alone = whole(model, [*tokens, *end], pages(30, 100))[-1:]
        assert apart(row[None], alone).max() < NEAR


def test_what_others_left_in_a_page_is_not_seen(model: LanguageModel) -> None:
    tokens = prompt(40)
    clean = model.forward([Piece(list(tokens), 0, pages(0, 40), 1)])
    clean_next = model.forward([Piece([1], 40, pages(0, 41), 1)])
    for layer in model._weights.layers:
        layer.attention.cache.fill_(float("nan"))
    assert torch.equal(model.forward([Piece(list(tokens), 0, pages(0, 40), 1)]), clean)
    assert torch.equal(model.forward([Piece([1], 40, pages(0, 41), 1)]), clean_next)


def _through(model: LanguageModel, pieces: list[Piece], way: Way) -> Tensor:
    with torch.inference_mode():
        return model._logits(model._pass(lay_out(pieces, PAGE, torch.device("cpu")), way))


@pytest.mark.parametrize("shape", ["k2_heads", "grouped"])
def test_absorbed_expanded_and_naive_attention_agree(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(monkeypatch, "torch", checkpoint(shape, True))
    model.forward([Piece(list(prompt(37, 2)), 0, pages(8, 90), 0)])
    pieces = [Piece(list(prompt(50, 1)), 0, pages(0, 50), 0), Piece(list(prompt(90, 2)[37:]), 37, pages(8, 90), 0)]
    naive = _through(model, pieces, "naive")
    _near(_through(model, pieces, "absorbed"), naive)
    _near(_through(model, pieces, "expanded"), naive)


def test_logits_are_those_of_the_last_tokens_that_are_wanted(model: LanguageModel) -> None:
    tokens = prompt(40)
    every = whole(model, tokens)
    for wanted in (0, 1, 7):
        some = model.forward([Piece(list(tokens), 0, pages(0, 40), wanted)])
        assert some.dtype == torch.float32
        assert some.shape == (wanted, model.vocab_size)
        assert not wanted or apart(some, every[-wanted:]).max() < NEAR


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (Piece([], 0, [0], 0), "a piece of 0 tokens"),
        (Piece([1], 512, list(range(33)), 1), "of 512"),
        (Piece([1], 16, [0], 1), "do not reach"),
        (Piece([1], 0, [64], 1), "a page outside"),
        (Piece([1], 0, [-1], 1), "a page outside"),
        (Piece([512], 0, [0], 1), "outside the vocabulary"),
        (Piece([-1], 0, [0], 1), "outside the vocabulary"),
        (Piece([1], 0, [0], 2), "2 wanted"),
    ],
)
def test_a_piece_that_breaks_the_contract_is_refused_before_anything_is_written(
    model: LanguageModel, piece: Piece, said: str
) -> None:
    before = model._weights.layers[0].attention.cache.clone()
    with pytest.raises(ValueError, match=said):
        model.forward([Piece([3], 0, [1], 1), piece])
    assert torch.equal(model._weights.layers[0].attention.cache, before)
