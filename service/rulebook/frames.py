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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from service.errors import phrase
from service.rulebook.neededwords import NeededWords
from service.rulebook.tokens import NUMERALS, plain_token, read_token
from service.text.negation import denies, undenied

_MANY = 4
"""Frames from which an automaton of their words is quicker than asking one by one."""


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """Where a frame was found. Spans lie in the text that was searched; ``frame`` is its place in the list."""

    start: int
    end: int
    captures: dict[str, tuple[int, int]]
    frame: int

    def moved(self, by: int) -> FrameMatch:
        """The same match in a text that has ``by`` more characters before it."""
        captures = {name: (start + by, end + by) for name, (start, end) in self.captures.items()}
        return FrameMatch(self.start + by, self.end + by, captures, self.frame)


class OneFrame:
    """One frame: read at once, so that mistakes show on load; its pattern is compiled when a text first needs it."""

    __slots__ = ("_compiled", "_firm", "_names", "_tokens", "crosses", "needs")

    def __init__(self, frame: str, words: Mapping[str, Sequence[str]], firm: bool) -> None:
        self._tokens = [plain_token(t) if "<" not in t else read_token(t, frame, words) for t in frame.split()]
        if not self._tokens:
            raise ValueError(phrase("frame_empty"))
        self._firm = firm and not self.denies
        self._compiled: re.Pattern[str] | None = None
        self._names = [name for token in self._tokens for name in token.names]
        self.crosses = max(token.crosses for token in self._tokens)
        """0 for a frame that lies within one clause; else how far it may look or reach (``WITHIN``, ``BEYOND``)."""
        self.needs = [token.needed for token in self._tokens if token.needed]
        """For every token that must be there and is made of words: those words."""
        if not self.needs and not any(name in NUMERALS for name in self._names):
            raise ValueError(phrase("frame_no_word", frame=frame))

    @property
    def denies(self) -> bool:
        """Whether one of its words has a denial in it."""
        return any(denies(word) for token in self._tokens for word in token.needed or ())

    @property
    def pattern(self) -> re.Pattern[str]:
        """The frame as one pattern."""
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

    def _ordered(self, text: str) -> bool:
        """Whether the words this frame cannot do without stand in the text one after the other."""
        at = 0
        for need in self.needs:
            at = min((found for word in need if (found := text.find(word, at)) >= 0), default=-1) + 1
            if not at:
                return False
        return True

    def finditer(self, text: str, place: int) -> Iterator[FrameMatch]:
        """Matches as frame ``place`` of its list."""
        if self._compiled is None and not self._ordered(text):
            return  # most frames never meet their text: making their pattern is what costs
        for match in self.pattern.finditer(text):
            start, end = match.span()
            if end > start:
                yield FrameMatch(start, end, self._captures(match) if self._names else {}, place)

    def _captures(self, match: re.Match[str]) -> dict[str, tuple[int, int]]:
        captures: dict[str, tuple[int, int]] = {}
        seen: dict[str, int] = {}
        for name, span in zip(self._names, match.regs[1:], strict=True):
            if span[0] >= 0:
                seen[name] = seen.get(name, 0) + 1
                captures[name if seen[name] == 1 else f"{name}{seen[name]}"] = span
        return captures


class Frames:
    """One list of frames over one set of word classes."""

    __slots__ = ("_frames", "_words")

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
        self._frames = [OneFrame(frame, words, firm) for frame in frames]
        self._words: NeededWords | None = None

    @classmethod
    def joined(cls, parts: Iterable[Frames]) -> Frames:
        """All frames of the parts as one list, in order."""
        whole = cls((), {})
        whole._frames = [frame for part in parts for frame in part._frames]
        return whole

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def needs(self) -> list[list[frozenset[str]]]:
        """For each frame its necessary words, token by token."""
        return [frame.needs for frame in self._frames]

    def __iter__(self) -> Iterator[OneFrame]:
        return iter(self._frames)

    def finditer(self, text: str) -> Iterator[FrameMatch]:
        """Matches of all frames in text order; leftmost and not overlapping for each frame. ``text`` is normalised."""
        found = [m for i in self._possible(text) for m in self._frames[i].finditer(text, i)]
        yield from sorted(found, key=lambda m: (m.start, m.end, m.frame))

    def hold(self, text: str) -> bool:
        """Whether any frame has a match; the quick way to ask."""
        return any(next(self._frames[i].finditer(text, i), None) is not None for i in self._possible(text))

    def _possible(self, text: str) -> Collection[int]:
        """The frames whose words are all there; a long list asks for the words of all frames at once."""
        if len(self._frames) < _MANY:
            return [i for i, frame in enumerate(self._frames) if frame.possible(text)]
        if self._words is None:
            self._words = NeededWords(dict(enumerate(self._frames)))
        return next(self._words.possible([text]))

    def search(self, text: str) -> FrameMatch | None:
        """The first match in text order, or None."""
        return next(self.finditer(text), None)
