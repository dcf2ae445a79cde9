"""Putting the recognisers together: every candidate, the best of those that overlap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import ahocorasick_rs

from service.schemas import EntityType
from service.text.private import accounts, address, names, numbers
from service.text.private.numbers import Candidate
from service.text.private.words import either, fold, words

_BLANK = "\x00"
"""Stands where an alias stood: no cue, no digit, no character of a name (the normal form holds no NUL)."""

_LETTER, _DIGIT = re.compile(r"[a-z0-9]"), re.compile(r"[0-9]")
_LETTERED = (numbers.emails, accounts.wechat)
_NUMBERED = (
    numbers.id_cards,
    numbers.bank_cards,
    numbers.phones,
    numbers.landlines,
    numbers.plates,
    numbers.passports,
    accounts.qq,
    accounts.orders,
    accounts.parcels,
)
"""Recognisers of what is never written without a digit."""
_WITH_NAMES = ("phone", "landline", "address", "id_card", "bank_card", "passport")
"""Types that people write their name beside."""

MAX_CHARS = 50_000
"""Longer texts are read in pieces of this many characters, so that time stays linear."""


@dataclass(frozen=True, slots=True)
class PrivateSpan:
    """One piece of personal data: code points of the text as given."""

    type: EntityType
    start: int
    end: int


@cache
def alias_pattern() -> re.Pattern[str]:
    """Our own aliases (``<手机号1>``), which are never personal data."""
    return re.compile(rf"<(?:{'|'.join(map(re.escape, words().aliases.values()))})[0-9]{{1,6}}>")


REMEMBERED, LONGEST_REMEMBERED = 2048, 600
"""Texts whose spans are remembered, in memory only, and how long they may be: a draft asks for the same words of a
message and of a published passage several times, a desk for the same passages all day."""


def find_private(text: str) -> list[PrivateSpan]:
    """All personal data in ``text``, in order, not overlapping."""
    return list(_remembered(text)) if len(text) <= LONGEST_REMEMBERED else _found(text)


@lru_cache(REMEMBERED)
def _remembered(text: str) -> tuple[PrivateSpan, ...]:
    return tuple(_found(text))


def _found(text: str) -> list[PrivateSpan]:
    if len(text) > MAX_CHARS:
        head = find_private(text[:MAX_CHARS])
        rest = find_private(text[MAX_CHARS:])
        return head + [PrivateSpan(s.type, s.start + MAX_CHARS, s.end + MAX_CHARS) for s in rest]
    if not text.strip():
        return []
    folded = fold(text)
    bare = _folded_alias().sub(lambda match: _BLANK * len(match[0]), folded.text)
    spans = (_trim(bare, c) for c in _choose(_candidates(bare)))
    return [PrivateSpan(c.type, *folded.original(c.start, c.end)) for c in spans]


@cache
def _folded_alias() -> re.Pattern[str]:
    return re.compile(rf"<(?:{either(tuple(words().aliases.values()))})[0-9]{{1,6}}>")


def _candidates(text: str) -> list[Candidate]:
    found: list[Candidate] = []
    for recogniser in _LETTERED if _LETTER.search(text) else ():
        found += recogniser(text)
    for recogniser in _NUMBERED if _DIGIT.search(text) else ():
        found += recogniser(text)
    found += address.addresses(text)
    anchors = [(c.start, c.end) for c in _choose(found) if c.type in _WITH_NAMES]
    for by_words in (names.labelled, names.titled, names.signed, names.mentioned):
        found += by_words(text)
    found += names.beside(text, anchors)
    return found + list(_again(text, found))


def _again(text: str, found: Iterable[Candidate]) -> Iterator[Candidate]:
    """A full name that was recognised once is one wherever it stands again."""
    known = [text[c.start : c.end] for c in found if c.type == "name" and c.rank <= 9 and c.end - c.start >= 3]
    for _, start, end in occurrences(text, known):
        yield Candidate(11, start, end, "name")


_MANY = 16
"""Values from which it pays to look for all of them at once."""


def occurrences(text: str, values: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Where each value stands; by plain search, since compiled patterns would keep personal data in a cache."""
    known = [value for value in dict.fromkeys(values) if value]
    if len(known) > _MANY:
        yield from _together(text, known)
        return
    for value in known:
        at = text.find(value)
        while at >= 0:
            yield value, at, at + len(value)
            at = text.find(value, at + len(value))


def _together(text: str, known: list[str]) -> Iterator[tuple[str, int, int]]:
    """The same in one pass over the text, for many values; the automaton is gone with the call."""
    found: list[list[int]] = [[] for _ in known]
    for place, start, end in ahocorasick_rs.AhoCorasick(known).find_matches_as_indexes(text, overlapping=True):
        if not found[place] or start >= found[place][-1] + end - start:
            found[place].append(start)
    for value, starts in zip(known, found, strict=True):
        for start in starts:
            yield value, start, start + len(value)


def _choose(found: Iterable[Candidate]) -> list[Candidate]:
    """The best candidates that do not overlap: lower rank first, then the longer, then the earlier."""
    ordered = sorted(set(found), key=lambda c: (c.rank, c.start - c.end, c.start))
    free = bytearray(b"\1") * max((c.end for c in ordered), default=0)
    chosen: list[Candidate] = []
    for candidate in ordered:
        start, end = candidate.start, candidate.end
        if end > start and all(free[start:end]):
            free[start:end] = bytes(end - start)
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: c.start)


def _trim(text: str, candidate: Candidate) -> Candidate:
    """Without spaces at the edges."""
    piece = text[candidate.start : candidate.end]
    start = candidate.start + len(piece) - len(piece.lstrip(" ,-、"))
    return Candidate(candidate.rank, start, start + len(piece.strip(" ,-、")), candidate.type)
