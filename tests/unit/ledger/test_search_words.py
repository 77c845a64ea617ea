"""Words of the search: how texts are taken apart, what queries ask for, and where hits stand."""

from __future__ import annotations

import sqlite3
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawgroups.group import events as ev
from clawgroups.group.members import Member, MemberKind
from clawgroups.group.state import CallStatus, Fate
from clawgroups.ledger.search_index import Place
from clawgroups.ledger.search_texts import Text, facts_of, joined, texts_of, what_at
from clawgroups.ledger.search_words import (
    LONGEST,
    MOST_PARTS,
    PART_CHARS,
    Term,
    first_hit,
    fts5,
    parse,
    parts,
    snippet,
    spaced,
    tokens,
    tsquery,
    tsvector,
    words_of,
)


def words(text: str) -> list[str]:
    return [token.text for token in tokens(text)]


def marked(text: str, query: str) -> str:
    return "".join(f"[{piece.text}]" if piece.hit else piece.text for piece in snippet(text, parse(query)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Read_File foo-bar.py, don't!", ["read", "file", "foo", "bar", "py", "don", "t"]),
        ("Café CAFE\u0301 STRASSE Straße ＡＢＣ", ["cafe", "cafe", "strasse", "strasse", "abc"]),
        ("退款接口 ok 請求書", ["退", "款", "接", "口", "ok", "請", "求", "書"]),
        ("한국 ไทย", ["한", "국", "ไ", "ท", "ย"]),
        ("go 🚀 now", ["go", "🚀", "now"]),
        ("⑴ ﷺ", ["1", "صلىاللهعليهوسلم"]),
        ("a\x00b \ud800 c", ["a", "b", "c"]),
        ("x" * 500, ["x" * LONGEST]),
        (" \t\n ,;", []),
    ],
)
def test_a_text_is_taken_apart_the_same_for_every_case_accent_and_script(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert words(spaced(text)) == words_of(text) == found  # what the index is given means the same


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("two words", (Term(("two",)), Term(("words",)))),
        ('"side by side" x', (Term(("side", "by", "side")), Term(("x",)))),
        ("migrat* read_file", (Term(("migrat",), True), Term(("read", "file")))),
        ('"read fi"*', (Term(("read", "fi"), True),)),
        ("退款", (Term(("退", "款")),)),
        ("same same", (Term(("same",)),)),
        ('"never closed', (Term(("never", "closed")),)),
        ('" * ( ) AND', (Term(("and",)),)),
        ("", ()),
        ('"', ()),
        ("\x00\ud800", ()),
    ],
)
def test_a_query_is_words_and_nothing_in_it_is_an_operator(query: str, terms: tuple[Term, ...]) -> None:
    assert parse(query) == terms


def test_a_query_is_bounded() -> None:
    assert len(parse(" ".join(f"w{n}" for n in range(400)))) == 16


@given(st.text(alphabet=string.printable + "\x00_", max_size=300))
@settings(max_examples=200, deadline=None)
def test_plain_texts_are_taken_apart_the_fast_way_as_the_slow_one_does(text: str) -> None:
    assert words_of(text) == words(text)


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_query_is_a_mistake_in_sqlite(query: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE w USING fts5(words, content='', columnsize=0, tokenize='ascii')")
    connection.execute("INSERT INTO w (rowid, words) VALUES (1, ?)", [spaced(query)])
    terms = parse(query)
    if terms:  # and what was written is found by itself
        found = connection.execute("SELECT rowid FROM w WHERE w MATCH ?", [fts5(terms)]).fetchall()
        assert found == [(1,)]
    connection.close()


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_what_postgresql_is_given_holds_no_sign_of_its_own_language(text: str) -> None:
    for token in tokens(text):
        assert not set(token.text) & set("'\\:&|!()<>* \x00"), token
    for sign in tsquery(parse(text)), tsvector(text):
        assert "\x00" not in sign
        sign.encode()


@given(st.text(max_size=120), st.text(alphabet=string.ascii_letters + ' 退款*"', max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_snippet_is_a_part_of_the_text_and_marks_only_words_of_the_query(text: str, query: str) -> None:
    terms = parse(query)
    pieces = snippet(text, terms)
    said = "".join(piece.text for piece in pieces).strip("…")
    assert said in text.replace("\n", " ") or "…" in text
    asked = {word for term in terms for word in term.words}
    for piece in pieces:
        if piece.hit:
            assert all(any(w == a or w.startswith(a) for a in asked) for w in words(piece.text)), piece


def test_a_snippet_shows_the_first_hit_with_words_around_it_and_marks_all_of_them() -> None:
    text = f"{'before ' * 60}the migration of 退款接口 goes on{' after' * 60}"
    shown = marked(text, 'migrat* 退款 "goes on"')
    assert shown.startswith("…before")
    assert "the [migration] of [退款]接口 [goes] [on]" in shown.replace("[goes] [on]", "[goes] [on]")
    assert shown.endswith("after…")
    assert len(shown) < 400


def test_words_of_a_phrase_are_marked_only_where_they_stand_side_by_side() -> None:
    assert marked("on it goes on and goes", '"goes on"') == "on it [goes] [on] and goes"


def test_a_snippet_without_a_hit_is_the_beginning() -> None:
    assert marked("some words", "nothing") == "some words"


def test_a_long_text_is_cut_into_parts_at_spaces_and_nothing_is_lost_between_them() -> None:
    text = "word " * 20_000
    made = parts(text)
    assert len(made) == 4
    assert "".join(made) == text
    assert all((len(part) <= PART_CHARS and part.endswith("d")) or part.endswith(" ") for part in made)
    unbroken = parts("x" * (PART_CHARS * 3))
    assert [len(part) for part in unbroken] == [PART_CHARS] * 3
    assert len(parts("x" * PART_CHARS * 50)) == MOST_PARTS
    assert parts("") == []


def test_a_place_is_one_number_that_orders_by_group_event_and_part() -> None:
    places = [Place(1, 2**34 - 1, 31), Place(2, 1, 0), Place(2, 1, 3), Place(2, 2, 0), Place(2**24 - 1, 1, 1)]
    packed = [place.packed for place in places]
    assert [Place.of(number) for number in packed] == places
    assert packed == sorted(packed)
    assert packed[-1] < 2**63


def test_an_event_tells_its_words_what_they_are_and_what_they_say_of_the_group() -> None:
    call = ev.CallProposed(id="c", name="run", arguments='{"command": "ls"}', status=CallStatus.RELEASED)
    step = ev.StepCommitted(agent="g-1", epoch=1, step=1, by="kimi", content="I look.", reasoning="hm", calls=(call,))
    texts = texts_of(step)
    assert texts == [Text("said", "I look."), Text("thought", "hm"), Text("call of run", 'run {"command": "ls"}')]
    assert what_at(texts, joined(texts).index("hm")) == "thought"
    assert what_at(texts, joined(texts).index("command")) == "call of run"
    assert [tuple(fact) for fact in facts_of(step)] == [("member", "kimi"), ("tool", "run")]
    taken = ev.TakenOver(agent="g-1", epoch=2, member="pat")
    assert [tuple(fact) for fact in facts_of(taken)] == [("took_over", "pat")]
    closed = ev.CallClosed(agent="g-1", call="c", fate=Fate.DONE, content="a file")
    assert texts_of(closed) == [Text("result", "a file")]
    pat = Member(id="pat", name="Pat", kind=MemberKind.PERSON)
    made = ev.GroupCreated(group="g", name="n", goal="a goal", members=(pat,), conductor="pat")
    assert [text.what for text in texts_of(made)] == ["name", "goal"]


def test_the_place_of_the_first_hit_is_known() -> None:
    assert first_hit("one two three", parse("thr*")) == 8
    assert first_hit("one two", parse("nine")) == 0
