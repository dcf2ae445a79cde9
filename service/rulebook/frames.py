"""One frame grammar for forbidden phrases, for the buyer's words and for what shop records say.

A frame is tokens parted by spaces. Adjacent tokens match adjacently.

=====================  ====================================================================================
written                matches
=====================  ====================================================================================
``退款``                these characters (compared in normal form: simplified, lower case, half width)
``找|问|打给``           one of these
``<别人>``              one word of the class; classes may stand among alternatives: ``<快递>|银行|<平台>``
``<数>``                a numeral; ``<时长>`` a length of time; ``<金额>`` a numeral with its money unit
``词?``                 the token may be missing
``…`` ``…12``           any 0–6 (0–12) characters of the same clause
``^`` ``$``             start, end of a clause; may stand among alternatives (``吧|$``)
``!的|了``              what follows here is none of these
``-不|没``              what stands before here is none of these
=====================  ====================================================================================

``<class>``, ``<数>``, ``<时长>`` and ``<金额>`` are captured under their name, a second one as ``数2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Generic, TypeVar

import ahocorasick_rs

from service.errors import phrase
from service.rulebook.tokens import NUMERALS, plain_token, read_token
from service.text.negation import denies, undenied

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """Where a frame was found. Spans lie in the text that was searched; ``frame`` is its place in the list."""

    start: int
    end: int
    captures: dict[str, tuple[int, int]]
    frame: int


class _Frame:
    """One frame: read at once, so that mistakes show on load; its pattern is compiled when a text first needs it."""

    __slots__ = ("_compiled", "_firm", "_tokens", "needs")

    def __init__(self, frame: str, words: Mapping[str, Sequence[str]], firm: bool) -> None:
        self._tokens = [plain_token(t) if "<" not in t else read_token(t, frame, words) for t in frame.split()]
        if not self._tokens:
            raise ValueError(phrase("frame_empty"))
        self._firm = firm and not any(denies(word) for token in self._tokens for word in token.needed or ())
        self._compiled: re.Pattern[str] | None = None
        self.needs = [token.needed for token in self._tokens if token.needed]
        """For every token that must be there and is made of words: those words, the most telling token first."""
        if not self.needs and not any(name in NUMERALS for token in self._tokens for name in token.names):
            raise ValueError(phrase("frame_no_word", frame=frame))
        self.needs.sort(key=lambda need: (-min(map(len, need)), len(need)))

    @property
    def pattern(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile("".join(self._sources()))
        return self._compiled

    def _sources(self) -> Iterator[str]:
        for token, following in zip_longest(self._tokens, self._tokens[1:]):
            yield token.source
            if self._firm and token.gap and following and following.needed:
                yield undenied()

    def possible(self, text: str) -> bool:
        """False when a word this frame cannot do without is not in the text."""
        return all(any(word in text for word in need) for need in self.needs)

    def finditer(self, text: str, place: int) -> Iterator[FrameMatch]:
        names = [name for token in self._tokens for name in token.names]
        for match in self.pattern.finditer(text):
            if match.end() == match.start():
                continue
            captures: dict[str, tuple[int, int]] = {}
            seen: dict[str, int] = {}
            for number, name in enumerate(names, start=1):
                if match.start(number) < 0:
                    continue
                seen[name] = seen.get(name, 0) + 1
                captures[name if seen[name] == 1 else f"{name}{seen[name]}"] = match.span(number)
            yield FrameMatch(match.start(), match.end(), captures, place)


class Frames:
    """One list of frames over one set of word classes."""

    __slots__ = ("_frames", "_needs")

    def __init__(self, frames: Sequence[str], words: Mapping[str, Sequence[str]], *, firm: bool = False) -> None:
        """Parse the frames; patterns are compiled when a text first needs them.

        Args:
            frames: as the team writes them.
            words: the word classes they may name.
            firm: what follows a gap may not be denied there (手 …3 烫伤 is not 手没烫伤); not for frames that
                deny by themselves (没 …3 收到).

        Raises:
            ValueError: an empty frame, an unknown or empty class, a token that is none; a Chinese sentence says which.
        """
        self._frames = [_Frame(frame, words, firm) for frame in frames]
        self._needs = [frame.needs for frame in self._frames]

    @classmethod
    def joined(cls, parts: Iterable[Frames]) -> Frames:
        """All frames of the parts as one list, in order."""
        whole = cls((), {})
        whole._frames = [frame for part in parts for frame in part._frames]
        whole._needs = [frame.needs for frame in whole._frames]
        return whole

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def needs(self) -> list[list[frozenset[str]]]:
        """For each frame its necessary words, token by token, the most telling token first."""
        return self._needs

    def finditer(self, text: str) -> Iterator[FrameMatch]:
        """Matches of all frames in text order; leftmost and not overlapping for each frame. ``text`` is normalised."""
        found = [m for i, f in enumerate(self._frames) if f.possible(text) for m in f.finditer(text, i)]
        yield from sorted(found, key=lambda m: (m.start, m.end, m.frame))

    def find_one(self, text: str, frame: int) -> Iterator[FrameMatch]:
        """Matches of the frame at this place only."""
        yield from self._frames[frame].finditer(text, frame)

    def search(self, text: str) -> FrameMatch | None:
        """The first match in text order, or None."""
        return next(self.finditer(text), None)


class FrameIndex(Generic[K]):
    """Many frames at once: one pass over the text says which words stand in it, then only frames that can match run.

    The pass looks for words and not for patterns: an automaton of hundreds of bounded gaps over UTF-8 outgrows its
    memory, one of words never does.
    """

    def __init__(self) -> None:
        self._keys: list[tuple[K, Frames]] = []
        self._always: list[tuple[int, int]] = []
        self._anchored: dict[str, list[tuple[int, int, list[frozenset[str]]]]] = {}
        self._needed: list[str] = []
        self._automaton: ahocorasick_rs.AhoCorasick | None = None

    def add(self, key: K, frames: Frames) -> None:
        """Add a list of frames under a key; the same key may come again."""
        place = len(self._keys)
        self._keys.append((key, frames))
        self._automaton = None
        for number, needs in enumerate(frames.needs):
            if not needs:
                self._always.append((place, number))
            for word in needs[0] if needs else ():
                self._anchored.setdefault(word, []).append((place, number, needs[1:]))

    def compile(self) -> None:
        """Build the word automaton; the first ``scan`` does it otherwise."""
        words = {word for _, frames in self._keys for needs in frames.needs for need in needs for word in need}
        self._needed = sorted(words)
        self._automaton = ahocorasick_rs.AhoCorasick(self._needed)

    def scan(self, text: str) -> list[tuple[K, FrameMatch]]:
        """All matches of all keys, in text order. ``text`` is normalised."""
        found: list[tuple[K, FrameMatch]] = []
        for place, number in self._candidates(text):
            key, frames = self._keys[place]
            found += [(key, match) for match in frames.find_one(text, number)]
        return sorted(found, key=lambda pair: (pair[1].start, pair[1].end))

    def _candidates(self, text: str) -> list[tuple[int, int]]:
        if self._automaton is None:
            self.compile()
        assert self._automaton is not None
        hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
        there = {self._needed[index] for index, _, _ in hits}
        chosen = set(self._always)
        for word in there:
            for place, number, others in self._anchored.get(word, ()):
                for need in others:
                    if need.isdisjoint(there):
                        break
                else:
                    chosen.add((place, number))
        return sorted(chosen)
