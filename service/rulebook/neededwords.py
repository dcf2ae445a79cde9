"""Which of many frames a text can match at all: those of which every need has a word in it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import ahocorasick_rs

from service.text.segment import BLANK

if TYPE_CHECKING:
    from service.rulebook.frames import OneFrame


class NeededWords:
    """Some frames, with an automaton of the words they need."""

    def __init__(self, frames: Mapping[int, OneFrame], common: Mapping[str, float] | None = None) -> None:
        """Build the automaton.

        Args:
            frames: the frames by the numbers they are to be told by.
            common: how often each of their words stands in a text, where it is known from more frames than these.
        """
        self.frames = frames
        if common is None:
            common = commonness([word for frame in frames.values() for need in frame.needs for word in need])
        words = sorted({word for frame in frames.values() for need in frame.needs for word in need})
        numbers = {word: number for number, word in enumerate(words)}
        self._always = [place for place, frame in frames.items() if not frame.needs]
        self._anchored: dict[int, list[tuple[int, tuple[frozenset[int], ...]]]] = {}
        """Word → the frames that are looked at where it stands, each with the words of its other needs."""
        for place, frame in frames.items():
            if frame.needs:
                rarest, *rest = sorted(frame.needs, key=lambda need: sum(common[word] for word in sorted(need)))
                others = tuple(frozenset(numbers[word] for word in need) for need in rest)
                for word in rarest:
                    self._anchored.setdefault(numbers[word], []).append((place, others))
        self._automaton = ahocorasick_rs.AhoCorasick(words)

    def possible(self, texts: Sequence[str]) -> Iterator[Collection[int]]:
        """For each text the frames of which every need has a word in it."""
        hits = self._automaton.find_matches_as_indexes(BLANK.join(texts), overlapping=True)
        words, _, ends = zip(*hits, strict=True) if hits else ((), (), ())  # sorted by where they end
        place = first = 0
        for text in texts:
            place += len(text)
            last = bisect_right(ends, place, first)
            yield self._chosen(set(words[first:last])) if last > first else self._always
            place, first = place + 1, last

    def _chosen(self, there: set[int]) -> set[int]:
        chosen = set(self._always)
        for word in self._anchored.keys() & there:
            for place, others in self._anchored[word]:
                for need in others:
                    if need.isdisjoint(there):
                        break
                else:
                    chosen.add(place)
        return chosen


def commonness(words: Sequence[str]) -> dict[str, float]:
    """About how often each word stands in a text, going by how often its characters stand in all of them."""
    chars = Counter("".join(words))
    total = chars.total()
    return {word: math.prod(chars[char] / total for char in word) for word in words}
