"""Words as the search knows them: how a text is taken apart, what a query asks for, and where a hit stands. Pure.

Both databases are given the same tokens, made here; so both find the same, and nothing that a person types can be
taken for an operator. Scripts that are written without spaces are taken character by character, and a word of them is
looked for as a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LONGEST = 64  # characters of a word that count
SHORTEST = 2  # letters of a beginning: what begins with a single one is nearly everything
MOST_TERMS = 16
QUERY_CHARS = 500
PART_CHARS = 30_000  # of a text that are indexed as one; PostgreSQL counts no more than 16,383 places
MOST_PARTS = 31

# Thai, Lao, Burmese, Khmer, kana, ideographs and Hangul; then symbols and emoji.
_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_ALONE += "\U00020000-\U0003ffff"
_SYMBOLS = "\u2190-\u21ff\u2600-\u27bf\U0001f000-\U0001faff"
_MARKS = "\u0300-\u036f"
_WORD = re.compile(f"[{_ALONE}{_SYMBOLS}]|(?:[^\\W_{_ALONE}]|[{_MARKS}])+")
_PLAIN_LONG = re.compile(r"[0-9A-Za-z]{65}")
_PLAIN = re.compile(r"[0-9a-z]+")
_MARK = re.compile(f"[{_MARKS}]")
_SIGN = re.compile(r"[\x00-/:-@\[-`{-\x7f]")  # "(1)" is one character of some scripts until it is folded
_TERM = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')


class Token(NamedTuple):
    """A word as it is indexed, and where it stands in the text."""

    text: str
    begin: int
    end: int


class Term(NamedTuple):
    """Words that must stand side by side; with ``prefix`` the last one only has to begin so."""

    words: tuple[str, ...]
    prefix: bool = False


class Piece(NamedTuple):
    """A part of a snippet; ``hit``: it is one of the words that were asked for."""

    text: str
    hit: bool


def tokens(text: str) -> Iterator[Token]:
    """Its words, folded: case, width and accents make no difference."""
    for found in _WORD.finditer(text):
        word = folded(found.group())
        if word:
            yield Token(word, found.start(), found.end())


def words_of(text: str) -> list[str]:
    """The same without their places; most texts are plain, and for them this is much faster."""
    if text.isascii():
        return [word[:LONGEST] for word in _PLAIN.findall(text.lower())]
    return [token.text for token in tokens(text)]


def folded(word: str) -> str:
    """One word as it is indexed."""
    if not word.isascii():
        word = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).casefold())
        return unicodedata.normalize("NFC", _SIGN.sub("", _MARK.sub("", word)))[:LONGEST]
    return word.lower()[:LONGEST]


def spaced(text: str) -> str:
    """The words of a text with one space between, as an index that only splits takes them."""
    if text.isascii() and not _PLAIN_LONG.search(text):
        return text.replace("_", " ").replace("\x00", " ")  # it finds the same words in this
    return " ".join(words_of(text))


def parse(query: str) -> tuple[Term, ...]:
    """What a query asks for: all its words; those in quotes side by side; a star for any ending.

    Empty when it holds no word at all. What is too long is cut.
    """
    terms: list[Term] = []
    for found in _TERM.finditer(query[:QUERY_CHARS]):
        quoted, quoted_star, bare = found.groups()
        text = bare if bare is not None else quoted
        words = tuple(token.text for token in tokens(text))
        star = bool(quoted_star) or (bare is not None and bare.endswith("*"))
        star = star and bool(words) and (len(words[-1]) >= SHORTEST or not words[-1].isascii())
        if words and Term(words, star) not in terms:
            terms.append(Term(words, star))
    return tuple(terms[:MOST_TERMS])


def parts(text: str) -> list[str]:
    """A text in pieces of a bounded size, cut at spaces; what is far beyond any reading is left out."""
    made: list[str] = []
    begin = 0
    while begin < len(text) and len(made) < MOST_PARTS:
        end = begin + PART_CHARS
        if end < len(text):
            space = text.rfind(" ", begin + PART_CHARS // 2, end)
            end = space if space > 0 else end
        made.append(text[begin:end])
        begin = end
    return made


def snippet(text: str, terms: Sequence[Term], around: int = 80) -> list[Piece]:
    """The place of the first hit with some words around it, and every word in it that was asked for marked."""
    found = list(tokens(text))
    at = _first(found, terms)
    low = max(0, found[at].begin - around) if at is not None else 0
    high = min(len(text), (found[at].end if at is not None else 0) + 2 * around)
    low, high = _whole_words(text, low, high)
    pieces = [Piece("…", False)] if low else []
    place = low
    for number, token in enumerate(found):
        if token.begin < low or token.end > high or not _asked(found, number, terms):
            continue
        if token.begin > place or not pieces or not pieces[-1].hit:
            pieces.append(Piece(text[place : token.begin], False))
            pieces.append(Piece(text[token.begin : token.end], True))
        else:  # side by side, as characters are that stand alone
            pieces[-1] = Piece(pieces[-1].text + text[token.begin : token.end], True)
        place = token.end
    pieces.append(Piece(text[place:high] + ("…" if high < len(text) else ""), False))
    return [Piece(" ".join(piece.text.split("\n")), piece.hit) for piece in pieces if piece.text]


def first_hit(text: str, terms: Sequence[Term]) -> int:
    """Where the first words stand that were asked for; 0 where there are none."""
    found = list(tokens(text))
    at = _first(found, terms)
    return found[at].begin if at is not None else 0


def _whole_words(text: str, low: int, high: int) -> tuple[int, int]:
    """Moves both ends to a space near by, so that no word is cut in two."""
    if low:
        space = text.find(" ", low, low + 24)
        low = space + 1 if space >= 0 else low
    if high < len(text):
        space = text.rfind(" ", max(low, high - 24), high)
        high = space if space >= 0 else high
    return low, high


def _first(found: Sequence[Token], terms: Sequence[Term]) -> int | None:
    places = (_place(found, term) for term in terms)
    return min((place for place in places if place is not None), default=None)


def _place(found: Sequence[Token], term: Term) -> int | None:
    """Where the term's words stand side by side for the first time."""
    for number in range(len(found) - len(term.words) + 1):
        if _stands(found, number, term):
            return number
    return None


def _stands(found: Sequence[Token], number: int, term: Term) -> bool:
    if number < 0 or number + len(term.words) > len(found):
        return False
    if found[number].text != term.words[0] and not term.prefix:
        return False
    last = len(term.words) - 1
    for offset, word in enumerate(term.words):
        there = found[number + offset].text
        if there != word and not (term.prefix and offset == last and there.startswith(word)):
            return False
    return True


def _asked(found: Sequence[Token], number: int, terms: Sequence[Term]) -> bool:
    """Whether this word is part of something that was asked for."""
    return any(_stands(found, number - offset, term) for term in terms for offset in range(len(term.words)))


def fts5(terms: Sequence[Term]) -> str:
    """The query for SQLite. Tokens hold no quote, so each is safe within quotes."""
    return " AND ".join(f'"{" ".join(term.words)}"{" *" if term.prefix else ""}' for term in terms)


def tsquery(terms: Sequence[Term]) -> str:
    """The query for PostgreSQL, to be cast to ``tsquery``."""
    made = []
    for term in terms:
        words = [f"'{word}'" for word in term.words]
        words[-1] += ":*" if term.prefix else ""
        made.append(f"({' <-> '.join(words)})")
    return " & ".join(made)


def tsvector(text: str) -> str:
    """The words of a text with their places, to be cast to ``tsvector``."""
    places: dict[str, list[int]] = {}
    for number, word in enumerate(words_of(text), 1):
        where = places.setdefault(word, [])
        if len(where) < 255 and number <= 16_383:
            where.append(number)
    return " ".join(f"'{word}':{','.join(map(str, where))}" if where else f"'{word}'" for word, where in places.items())
