"""Words hidden behind sound-alikes and pinyin: ``卜可能``, ``bu可能``, ``bu ke neng``.

Every character and every pinyin syllable of a text becomes one code for its sound, and one pass over the codes finds
all words of a list. A word found that is written otherwise is a disguise, unless the writing is an ordinary word or
an ordinary character of its own (``knowledge/text/disguises.yaml``).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, product

import ahocorasick_rs

from service.text.dictionary import in_word
from service.text.tables import table

_FIRST_CODE = 0xF0000
"""Codes live in a private plane; no text in normal form holds them."""
_MOST_READINGS = 4
_LATIN = re.compile(r" ?[a-z]+(?:[1-5](?![0-9]))?(?:[ '-]?[a-z]+(?:[1-5](?![0-9]))?)* ?")
_LATIN_WORD = re.compile(r"([a-z]+)[1-5]?")
_LETTER = re.compile(r"[a-z]")
_TELLING = 3
"""Characters of a word from which its sounds alone are no coincidence."""
_JUNK = 1
"""A Latin run this short between two Han characters may be stuffing (``绝b对``)."""


_SENTENCE = 3
"""Syllables from which a pinyin run may be a sentence, in which words need not fill it."""
Edit = tuple[int, int, str]


@dataclass(frozen=True)
class _Sounds:
    """What characters sound like: ``codes`` translates a text, ``readings`` lists every reading of a character."""

    codes: dict[int, str]
    readings: dict[str, tuple[str, ...]]
    syllables: dict[str, str]
    ordinary: frozenset[str]
    latin: frozenset[str]
    singles: dict[str, str]


@cache
def _sounds() -> _Sounds:
    codes: dict[int, str] = {}
    readings: dict[str, list[str]] = {}
    syllables: dict[str, str] = {}
    for place, (syllable, (own, other)) in enumerate(table("syllables").items()):
        code = chr(_FIRST_CODE + place)
        syllables[syllable] = code
        for char in own:
            codes[ord(char)] = code
            readings.setdefault(char, []).insert(0, code)
        for char in other:
            readings.setdefault(char, []).append(code)
    data = table("disguises")
    return _Sounds(
        codes,
        {char: tuple(found) for char, found in readings.items()},
        syllables,
        frozenset(data["ordinary"]),
        frozenset(data["latin"]),
        {syllables[sound]: char for sound, char in data["singles"].items()},
    )


@dataclass(frozen=True, slots=True)
class _Coded:
    """A text as sounds: code ``i`` stands at ``spans[i]``; no spans when every character is one code.

    ``runs`` are the stretches of codes, first to last, that are pinyin.
    """

    codes: str
    spans: list[tuple[int, int]]
    runs: list[tuple[int, int]]

    def span(self, place: int) -> tuple[int, int]:
        return self.spans[place] if self.spans else (place, place + 1)


class SoundAlikes:
    """Finds the words of a list under other spellings.

    Args:
        words: in normal form; those of one character and those with anything but Han characters are left out.
    """

    def __init__(self, words: Iterable[str]) -> None:
        readings = _sounds().readings
        patterns: dict[str, str] = {}
        for word in words:
            if len(word) > 1 and all(char in readings for char in word):
                ways = product(*(readings[char][:2] for char in word))
                for codes, _ in zip(ways, range(_MOST_READINGS), strict=False):
                    patterns.setdefault("".join(codes), word)
        self._words = list(patterns.values())
        self._finder = ahocorasick_rs.AhoCorasick(list(patterns))

    def edits(self, text: str) -> list[Edit]:
        """Replacements (start, end, character) that give every disguised word its own characters back."""
        coded = _coded(text)
        found: list[Edit] = []
        taken = bytearray(len(coded.codes))
        hits = self._finder.find_matches_as_indexes(coded.codes, overlapping=True)
        if not coded.spans:
            hits = [hit for hit in hits if text[hit[1] : hit[2]] != self._words[hit[0]]]
        for index, first, last in sorted(hits, key=lambda hit: (hit[1] - hit[2], hit[1])):
            if any(taken[first:last]):
                continue
            edits = self._disguise(text, coded, self._words[index], first, last)
            if edits:
                taken[first:last] = b"\1" * (last - first)
                found += edits
        return sorted([*found, *_left_over(coded, taken)])

    def _disguise(self, text: str, coded: _Coded, word: str, first: int, last: int) -> list[Edit]:
        spans = [coded.span(place) for place in range(first, last)]
        if text[spans[0][0] : spans[-1][1]] == word or _cuts_a_word(coded, first, last):
            return []
        parts = [(a, b, char) for (a, b), char in zip(spans, word, strict=True) if text[a:b] != char]
        if _innocent(text, parts, len(word)):
            return []
        gaps = [(a, b, "") for (_, a), (b, _) in pairwise(spans) if a < b]
        return [*parts, *gaps]


def _cuts_a_word(coded: _Coded, first: int, last: int) -> bool:
    """True when the codes begin or end within a pinyin run too short to be a sentence."""
    begins = bisect_right(coded.runs, (first, len(coded.codes)))
    ends = bisect_left(coded.runs, (last, 0))
    near = coded.runs[max(begins - 1, 0) : ends]
    return any(b - a < _SENTENCE and (a < first < b or a < last < b) for a, b in near)


def _left_over(coded: _Coded, taken: bytearray) -> list[Edit]:
    """The syllables around the words heard in a pinyin run, each as its commonest character."""
    singles, found = _sounds().singles, []
    for a, b in coded.runs:
        if b - a < _SENTENCE and not any(taken[a:b]):
            continue
        for place in range(a, b):
            char = singles.get(coded.codes[place])
            if char and not taken[place]:
                found.append((*coded.spans[place], char))
    return found


def within_latin(text: str, place: int) -> bool:
    """True when the place lies inside a Latin word."""
    return 0 < place < len(text) and "a" <= text[place - 1] <= "z" and "a" <= text[place] <= "z"


def _innocent(text: str, parts: list[Edit], size: int) -> bool:
    """True when what is written otherwise is no disguise: part of an ordinary word, or ordinary characters.

    One ordinary character among others makes no long word innocent.
    """
    written = [(text[a:b], a, b) for a, b, _ in parts if not text[a:b].isascii()]
    plain = [char in _sounds().ordinary for char, _, _ in written]
    if written and (all(plain) if size >= _TELLING else any(plain)) and len(written) == len(parts):
        return True
    return any(in_word(text, a, b) for _, a, b in written)


def _coded(text: str) -> _Coded:
    sounds = _sounds()
    coded = _Coded("", [], [])
    if not _LETTER.search(text):
        return _Coded(text.translate(sounds.codes), [], [])
    codes: list[str] = []
    place = 0
    for run in _LATIN.finditer(text):
        _plain(text, place, run.start(), codes, coded)
        _latin(text, run.start(), run.end(), codes, coded)
        place = run.end()
    _plain(text, place, len(text), codes, coded)
    return _Coded("".join(codes), coded.spans, coded.runs)


def _plain(text: str, start: int, end: int, codes: list[str], coded: _Coded) -> None:
    codes += text[start:end].translate(_sounds().codes)
    coded.spans.extend((i, i + 1) for i in range(start, end))


def _latin(text: str, start: int, end: int, codes: list[str], coded: _Coded) -> None:
    """A Latin run as syllables; as nothing when it is one stray letter; as itself when it is no pinyin."""
    sounds = _sounds()
    run = text[start:end]
    if len(run) == _JUNK and start > 0 and end < len(text):
        return
    words = [(start + m.start(), m[1], m.end() - m.end(1)) for m in _LATIN_WORD.finditer(run)]
    parsed = [(at, _syllables(word), tone) for at, word, tone in words]
    if all(found for _, found, _ in parsed) and not all(word in sounds.latin for _, word, _ in words):
        first = len(codes)
        for at, found, tone in parsed:
            for syllable in found or ():
                codes.append(sounds.syllables[syllable])
                coded.spans.append((at, at + len(syllable)))
                at += len(syllable)
            coded.spans[-1] = (coded.spans[-1][0], at + tone)
        coded.runs.append((first, len(codes)))
        return
    _plain(text, start, end, codes, coded)


_LONGEST_SYLLABLE = 6
_LONGEST_RUN = 40


@lru_cache(maxsize=4096)
def _syllables(word: str) -> tuple[str, ...] | None:
    """The pinyin syllables a Latin word is made of, the longest first; None when it is none."""
    if not word:
        return ()
    if len(word) > _LONGEST_RUN:
        return None
    for size in range(min(_LONGEST_SYLLABLE, len(word)), 0, -1):
        if word[:size] in _sounds().syllables:
            rest = _syllables(word[size:])
            if rest is not None:
                return (word[:size], *rest)
    return None
