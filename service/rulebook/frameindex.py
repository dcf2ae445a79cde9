"""Many frames over one text: words are looked for first, and only frames whose words stand together run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from service.rulebook.frames import FrameMatch, Frames, OneFrame
from service.rulebook.neededwords import NeededWords, commonness
from service.rulebook.tokens import BEYOND, COMMAS, WITHIN
from service.text.memo import SENTENCE, Memo
from service.text.segment import BLANK, PAUSES

K = TypeVar("K")
Span = tuple[int, int]
Found = tuple[int, FrameMatch]
"""A frame, by its place among all, and a match of it."""
_CLAUSE = re.compile(rf"[^{PAUSES}{BLANK}]+(?:(?<=\d),(?=\d)[^{PAUSES}{BLANK}]+)*")
"""What no frame without a pause in its words reaches beyond; a comma between digits may be part of a number."""

_SENTENCE = re.compile(f"[^{PAUSES.translate(dict.fromkeys(map(ord, COMMAS)))}{BLANK}]+")
"""What no frame without a full stop in its words reaches beyond."""


class FrameIndex(Generic[K]):
    """Many frames at once: one pass over the text says which words stand in it, then only frames that can match run.

    The pass looks for words and not for patterns: an automaton of hundreds of bounded gaps over UTF-8 outgrows its
    memory, one of words never does. A frame runs only in the clauses in which all it needs stands together, so what a
    text costs hardly depends on how many frames there are. What was found in a clause is remembered.
    """

    def __init__(self) -> None:
        self._keys: list[K] = []
        self._frames: list[tuple[OneFrame, int, int]] = []
        """Each frame, its place in its list and that of its key."""
        self._parts: tuple[NeededWords, NeededWords, NeededWords] | None = None
        """Frames that lie in a clause, in a sentence, anywhere."""

    def add(self, key: K, frames: Frames) -> None:
        """Add a list of frames under a key; the same key may come again."""
        self._frames += [(frame, number, len(self._keys)) for number, frame in enumerate(frames)]
        self._keys.append(key)
        self._parts = None

    def compile(self) -> None:
        """Build the word automata; the first ``scan`` does it otherwise."""
        common = commonness([word for frame, _, _ in self._frames for need in frame.needs for word in need])
        reach = [0 if f.needs and not f.crosses else max(f.crosses, WITHIN) for f, _, _ in self._frames]
        narrow, middle, wide = (
            {i: frame for i, (frame, _, _) in enumerate(self._frames) if reach[i] == far} for far in (0, WITHIN, BEYOND)
        )
        self._parts = NeededWords(narrow, common), NeededWords(middle, common), NeededWords(wide, common)
        self._within_clauses = Memo(self._within(self._parts[:1]))
        self._within_sentences = Memo(self._within(self._parts[1:2]), SENTENCE)
        self._within_spans = Memo(self._within(self._parts))

    def scan(self, text: str, spans: Sequence[Span] | None = None) -> list[tuple[K, FrameMatch]]:
        """All matches of all keys, in text order. ``text`` is normalised.

        With ``spans``, in text order and not overlapping, each of them is searched as if it were the whole text.
        """
        if self._parts is None:
            self.compile()
        assert self._parts is not None
        if spans is not None:
            found = _remembered(self._within_spans, text, spans)
        else:
            found = _remembered(self._within_clauses, text, _spans(_CLAUSE, text))
            if self._parts[1].frames:
                found += _remembered(self._within_sentences, text, _spans(_SENTENCE, text))
            if self._parts[2].frames:
                found += next(iter(self._within(self._parts[2:])([text])))
        found.sort(key=_order)
        return [(self._keys[self._frames[place][2]], match) for place, match in found]

    def hold(self, text: str) -> bool:
        """Whether any frame has a match in a normalised text."""
        return bool(self.scan(text))

    def _within(self, parts: Sequence[NeededWords]) -> Callable[[Sequence[str]], Iterator[tuple[Found, ...]]]:
        def search(texts: Sequence[str]) -> Iterator[tuple[Found, ...]]:
            """For each text what the frames of the parts find in it."""
            for text, *possible in zip(texts, *(part.possible(texts) for part in parts), strict=True):
                places = [place for chosen in possible for place in chosen]
                yield tuple((p, m) for p in places for m in self._frames[p][0].finditer(text, self._frames[p][1]))

        return search


def _spans(kind: re.Pattern[str], text: str) -> list[Span]:
    return list(map(re.Match.span, kind.finditer(text)))


def _remembered(memo: Memo[tuple[Found, ...]], text: str, spans: Sequence[Span]) -> list[Found]:
    """What is found in spans of a text, each searched as if it were the whole."""
    matches = memo.of([text[start:end] for start, end in spans])
    return [
        (place, match.moved(start)) for (start, _), there in zip(spans, matches, strict=True) for place, match in there
    ]


def _order(found: Found) -> tuple[int, int, int]:
    place, match = found
    return match.start, match.end, place
