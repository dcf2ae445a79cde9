"""Undoing evasion: stuffing between Han characters, repeats, sound-alikes, pinyin.

Only for finding hidden words; what the desk sees is never changed, and spans stay exact.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise, product

import ahocorasick_rs

from service.text.dictionary import in_longer_word
from service.text.normalise import Normalised, fold
from service.text.shapes import LookAlikes, stretches
from service.text.sounds import SoundAlikes, within_latin
from service.text.tables import table

_HAN = "\u3400-\u9fff"  # one range: several, or one beyond the first plane, take milliseconds to compile each
_ODD = rf"[^\x00{_HAN}a-z0-9,。!?;:、.…\n“”‘’\"'「」『』()《》【】〔〕\[\]{{}}%¥/]"
_HAN_RUN_GAP = re.compile(rf"{_ODD}(?<=[{_HAN}].){_ODD}*(?=[{_HAN}])")
_GAP = rf"(?:[^\x00{_HAN}a-z0-9]{{1,4}}|[a-z])"
_SINGLES = re.compile(rf"[{_HAN}](?:{_GAP}[{_HAN}]){{2,}}")
"""Characters that stand alone, one after the other: nobody writes so who does not hide something."""
_SINGLE = re.compile(rf"[^\x00{_HAN}0-9][{_HAN}][^\x00{_HAN}0-9]")
"""What those must hold, and hardly any other text does; far quicker to ask for."""
_ANY_GAP = re.compile(_GAP)
_STUFFING = re.compile(rf"(?<=[{_HAN}])(?:[^\x00{_HAN}a-z0-9%¥]{{1,4}}|[a-z])(?=[{_HAN}])")
_OPENING, _CLOSING = frozenset("([{「『【〔《<“‘"), frozenset(")]}」』】〕》>”’")
_CLAUSE_MARKS = frozenset(",。!?;:、.…\n ")
_REPEAT = re.compile(rf"([{_HAN}])\1{{2,}}")
_DOUBLES = re.compile(rf"(?:([{_HAN}])\1(?!\1)){{3,}}")
_DOUBLED = re.compile(rf"([{_HAN}])\1(?:\1|([{_HAN}])\2)")
"""What either of the two must hold."""
_OVERRIDE = "\u202e"
_OVERRIDDEN = re.compile("\u202e[^\u202c\u202e\n]*")
_MOST_SPELLINGS = 400
"""Written-out spellings of one word; the commonest variants stand first in the table."""


class Disguises:
    """Undoes disguises of the words somebody looks for.

    Args:
        words: those a text may hide, in normal form. The spellings in ``homophones.yaml`` are undone besides.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        listed = sorted({*words, *table("homophones")["words"]})  # the same words give the same findings in any order
        words = [word for word in listed if len(word) > 1]
        self._words = ahocorasick_rs.AhoCorasick(words)
        self._longest = max(map(len, words), default=0)
        self._sounds = SoundAlikes(listed)
        self._shapes = LookAlikes(listed)

    def undo(self, norm: Normalised) -> Normalised:
        """The text with stuffing dropped, split characters joined, look-alikes and sound-alikes put right."""
        squeezed = squeeze(self._unstuffed(_read_back(norm)))
        for seen in (self._shapes.splits, self._shapes.alike, self._sounds.edits):
            squeezed = _edit(squeezed, seen(squeezed.text))
        return squeezed

    def _unstuffed(self, norm: Normalised) -> Normalised:
        """Without the marks, brackets and line breaks that part a listed word.

        One clause mark may part two clauses (``可以不，能退吗``); two inside one word, or one that is no clause mark,
        do not.
        """
        text = norm.text
        gaps = [m.span() for m in _STUFFING.finditer(text)]
        places: list[int] = []
        dropped = 0
        for start, end in gaps:
            places.append(start - dropped)
            dropped += end - start
        marks = [_CLAUSE_MARKS.issuperset(text[a:b]) for a, b in gaps]
        reach = self._longest - 2  # two gaps farther apart part no word together
        near = [b - a <= reach for a, b in pairwise(places)]
        doubtful = [
            place
            for place, mark, before, after in zip(places, marks, [False, *near], [*near, False], strict=bool(gaps))
            if not mark or before or after
        ]
        if not doubtful:
            return norm
        copy = _STUFFING.sub("", text)
        edits: set[tuple[int, int, str]] = set()
        for first, last in self._worded(copy, doubtful):
            low, high = bisect_right(places, first), bisect_left(places, last)
            if high - low > 1 or not all(marks[low:high]):
                edits |= {(a, b, "") for a, b in gaps[low:high]}
        return _edit(norm, sorted(edits))

    def _worded(self, copy: str, places: list[int]) -> Iterator[tuple[int, int]]:
        """Where the listed words stand around some places of a text."""
        for first, last in stretches(places, 2 * self._longest):
            left = max(first - self._longest, 0)
            for _, a, b in self._words.find_matches_as_indexes(copy[left : last + self._longest], overlapping=True):
                yield left + a, left + b


def _read_back(norm: Normalised) -> Normalised:
    """With what is sent backwards, to be shown forwards (right-to-left override), in the order it is read."""
    if _OVERRIDE not in norm.original:
        return norm
    starts = list(norm.starts) or list(range(len(norm.text)))
    ends = list(norm.ends) or list(range(1, len(norm.text) + 1))
    chars = list(norm.text)
    runs = [run.span() for run in _OVERRIDDEN.finditer(norm.original)]
    for first, last in [(bisect_left(starts, a), bisect_left(starts, b)) for a, b in runs]:
        chars[first:last] = chars[first:last][::-1]
        starts[first:last] = starts[first:last][::-1]
        ends[first:last] = ends[first:last][::-1]
    return Normalised(norm.original, "".join(chars), tuple(starts), tuple(ends))


def squeeze(norm: Normalised) -> Normalised:
    """Undo evasion: stuffing between Han characters, repeats, and the spellings of ``homophones.yaml``.

    Clause marks, brackets and letters fall away between characters that stand alone (``这。不。可。能``); anything else
    that is no letter, digit, quote or clause mark falls away wherever it parts two Han characters.
    """
    text, edits = norm.text, []
    for run in _SINGLES.finditer(text) if _SINGLE.search(text) else ():
        edits += [(m.start(), m.end(), "") for m in _ANY_GAP.finditer(text, run.start() + 1, run.end())]
        if text[run.start() - 1 : run.start()] in _OPENING and text[run.end() : run.end() + 1] in _CLOSING:
            edits += [(run.start() - 1, run.start(), ""), (run.end(), run.end() + 1, "")]
    squeezed = _edit(norm, edits)
    squeezed = _edit(squeezed, [(m.start(), m.end(), "") for m in _HAN_RUN_GAP.finditer(squeezed.text)])
    text = squeezed.text
    if _DOUBLED.search(text):
        edits = [(m.start() + 1, m.end(), "") for m in _REPEAT.finditer(text)]
        edits += [(i + 1, i + 2, "") for m in _DOUBLES.finditer(text) for i in range(m.start(), m.end(), 2)]
        squeezed = _edit(squeezed, edits)
    return _edit(squeezed, _spelled_out(squeezed.text))


def _edit(norm: Normalised, edits: list[tuple[int, int, str]]) -> Normalised:
    """Apply replacements (start, end, new), not overlapping, keeping the way back."""
    if not edits:
        return norm
    identity = len(norm.starts) != len(norm.text)
    starts = list(range(len(norm.text))) if identity else list(norm.starts)
    ends = list(range(1, len(norm.text) + 1)) if identity else list(norm.ends)
    text = norm.text
    for start, end, new in sorted(edits, reverse=True):
        if len(new) == end - start:
            text = text[:start] + new + text[end:]
            continue
        first, last = min(starts[start:end]), max(ends[start:end])
        text = text[:start] + new + text[end:]
        starts[start:end] = [first] * len(new)
        ends[start:end] = [last] * len(new)
    return Normalised(norm.original, text, tuple(starts), tuple(ends))


@dataclass(frozen=True)
class _Spellings:
    """Spellings of ``homophones.yaml`` that are written out: which word each stands for."""

    words: tuple[str, ...]
    finder: ahocorasick_rs.AhoCorasick


@cache
def _spellings() -> _Spellings:
    data = table("homophones")
    meant: dict[str, str] = {fold(heard): word for heard, word in data["slang"].items()}
    for word, spelled in data["words"].items():
        ways = []
        for char, spelling in zip(word, str(spelled).split(), strict=True):
            variants = (fold(v) for v in spelling.split("|") if v not in ("", "-"))
            ways.append([char, *(v for v in variants if len(v) == 1)])  # whole syllables: see sounds.py
        for way in islice(product(*ways), _MOST_SPELLINGS):
            if "".join(way) != word:
                meant.setdefault("".join(way), word)
    finder = ahocorasick_rs.AhoCorasick(list(meant), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest)
    return _Spellings(tuple(meant.values()), finder)


def _spelled_out(text: str) -> list[tuple[int, int, str]]:
    spellings = _spellings()
    edits = []
    for index, start, end in spellings.finder.find_matches_as_indexes(text):
        word = spellings.words[index]
        if within_latin(text, start) or within_latin(text, end) or in_longer_word(text, start, end):
            continue
        if len(word) == end - start:
            edits += [(i, i + 1, c) for i, c in zip(range(start, end), word, strict=True) if text[i] != c]
        else:
            edits.append((start, end, word))
    return edits
