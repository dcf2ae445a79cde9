"""Words hidden behind split characters and look-alikes: ``彳山信``, ``徽信``, ``末必``.

Split and look-alike characters are put back in a copy of the text; only what then makes a word of a list counts, and
only where the writing is not an ordinary word of its own. The tables are in ``knowledge/text/disguises.yaml``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import ahocorasick_rs

from service.text.dictionary import in_word
from service.text.normalise import fold
from service.text.tables import table

Edit = tuple[int, int, str]


@dataclass(frozen=True)
class _Shapes:
    """``finder`` finds characters taken apart. ``alike``: one table of look-alikes a choice."""

    finder: ahocorasick_rs.AhoCorasick
    wholes: tuple[str, ...]
    """The character for each pattern of the finder."""
    alike: tuple[dict[int, str], ...]


@cache
def _shapes() -> _Shapes:
    data = table("disguises")
    splits: dict[str, str] = {}
    for char, written in data["splits"].items():
        for parts in written.split("|"):
            for spelled in _spellings(parts, data["radicals"]):
                splits.setdefault(fold(spelled), char)
    choices: dict[str, list[str]] = {}
    for char, others in data["alike"].items():
        for other in others:
            choices.setdefault(fold(other) or other, []).append(char)
    most = max(map(len, choices.values()), default=0)
    alike = tuple({ord(o): chars[n] for o, chars in choices.items() if len(chars) > n} for n in range(most))
    finder = ahocorasick_rs.AhoCorasick(list(splits), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)
    return _Shapes(finder, tuple(splits.values()), alike)


def _spellings(parts: str, radicals: dict[str, str]) -> list[str]:
    """A split as written, and with its radicals as people also write them."""
    found = [parts]
    for radical, names in radicals.items():
        if radical in parts:
            found += [parts.replace(radical, name) for name in names.split("|")]
    return found


class LookAlikes:
    """Finds the words of a list written with split or look-alike characters.

    Args:
        words: in normal form; those of one character are left out.
    """

    def __init__(self, words: Iterable[str]) -> None:
        listed = [word for word in words if len(word) > 1]
        self._finder = ahocorasick_rs.AhoCorasick(listed)
        self._longest = max(map(len, listed), default=0)

    def splits(self, text: str) -> list[Edit]:
        """Replacements that put split characters together again where that makes a word."""
        shapes = _shapes()
        edits = [(start, end, shapes.wholes[i]) for i, start, end in shapes.finder.find_matches_as_indexes(text)]
        if not edits:
            return []
        pieces: list[str] = []
        places: list[int] = []
        at = size = 0
        for start, end, char in edits:
            pieces += [text[at:start], char]
            size += start - at + 1
            places.append(size - 1)
            at = end
        spans = self._finder.find_matches_as_indexes("".join([*pieces, text[at:]]), overlapping=True)
        worded = bytearray(size + len(text) - at)
        for _, a, b in spans:
            worded[a:b] = b"\1" * (b - a)
        return [
            edit
            for edit, place in zip(edits, places, strict=True)
            if worded[place] and not in_word(text, edit[0], edit[1])
        ]

    def alike(self, text: str) -> list[Edit]:
        """Replacements of look-alikes that make a word which is no ordinary word as written."""
        found: dict[int, Edit] = {}
        for choice in _shapes().alike:
            copy = text.translate(choice)
            if copy == text:
                continue
            changes = [i for i, (new, old) in enumerate(zip(copy, text, strict=True)) if new != old]
            for start, end in self._worded(copy, changes):
                changed = [i for i in range(start, end) if copy[i] != text[i] and i not in found]
                if not any(in_word(text, i, i + 1) for i in changed):
                    found |= {i: (i, i + 1, copy[i]) for i in changed}
        return [found[i] for i in sorted(found)]

    def _worded(self, copy: str, places: list[int]) -> Iterator[tuple[int, int]]:
        """The words of the list that hold one of the places, in the order they end; only around those is searched."""
        reach = self._longest - 1
        for first, last in stretches(places, 2 * reach):
            left = max(first - reach, 0)
            near = copy[left : last + reach + 1]
            for _, a, b in self._finder.find_matches_as_indexes(near, overlapping=True):
                start, end = a + left, b + left
                at = bisect_left(places, start)
                if at < len(places) and places[at] < end:
                    yield start, end


def stretches(places: list[int], gap: int) -> Iterator[tuple[int, int]]:
    """First and last of each group of places that lie at most ``gap`` apart."""
    first = last = places[0]
    for place in places[1:]:
        if place - last > gap:
            yield first, last
            first = place
        last = place
    yield first, last
