"""One normal form of Chinese chat text, with the way back to the text as sent.

``normalise`` undoes what keyboards and hiding do (full width, capitals, traditional characters, invisible
characters, combining marks) and keeps ordinary punctuation, which clauses need. Spans are exact: a hit is always
reported in code points of the original. :mod:`service.text.squeeze` goes further, for finding hidden words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from service.text.tables import table

_KEPT_WHOLE = frozenset("…⋯")
"""NFKC would turn an ellipsis into three full stops; here it is a pause of its own."""
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Fillers Unicode calls letters or symbols, though nothing is seen."""
_LINE_BREAKS = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")
_DROPPED_CATEGORIES = frozenset({"Cf", "Cc", "Mn", "Me", "Cn", "Co"})


@dataclass(frozen=True, slots=True)
class Normalised:
    """Text in normal form. ``starts``/``ends`` are empty when every character stands for itself."""

    original: str
    text: str
    starts: tuple[int, ...] = field(default=(), repr=False)
    ends: tuple[int, ...] = field(default=(), repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``original``, in code points, that ``text[start:end]`` was made from.

        Raises:
            ValueError: the span does not lie in ``text``.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"span {start}:{end} outside 0:{len(self.text)}")
        if len(self.starts) != len(self.text):
            return start, end
        if start == end:
            place = self.starts[start] if start < len(self.starts) else len(self.original)
            return place, place
        return min(self.starts[start:end]), max(self.ends[start:end])


class _Characters(dict[str, str]):
    """Original character → what it becomes; filled as characters turn up."""

    def __missing__(self, char: str) -> str:
        made = _fold_char(char)
        self[char] = made
        return made


def _fold_char(char: str) -> str:
    if char in _KEPT_WHOLE:
        return "…"
    if char in _LINE_BREAKS:
        return "\n"
    if char.isspace():
        return " "
    if char in _INVISIBLE_LETTERS:
        return ""
    if char < "\x80":
        return char.lower() if unicodedata.category(char) != "Cc" else ""
    if "\u4e00" <= char <= "\u9fff":
        return _simplified(char)
    if unicodedata.category(char) in _DROPPED_CATEGORIES:
        return ""
    bare = "".join(c for c in unicodedata.normalize("NFKD", char) if unicodedata.category(c) not in ("Mn", "Me"))
    folded = unicodedata.normalize("NFKC", bare).lower()
    simple = "".join(_simplified(c) for c in folded)
    return simple.strip() if not char.isspace() else " "


@cache
def _converter() -> Any:
    import opencc  # late: only texts with Han characters pay for it

    return opencc.OpenCC("t2s")


def _simplified(char: str) -> str:
    """Traditional → simplified, one character at a time: phrase tables corrupt simplified text."""
    exceptions: dict[str, str] = table("characters")["exceptions"]
    if char in exceptions:
        return exceptions[char]
    if char < "\u3400":
        return char
    made: str = _converter().convert(char)
    return made if len(made) == 1 else char


_characters = _Characters()
_ODD = "\x00"
"""Stands for a character that becomes none or several; no character becomes this one."""


class _Single(dict[int, str]):
    """Code point → the one character it becomes, for ``str.translate``; filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        made = _characters[chr(code)]
        made = made if len(made) == 1 else _ODD
        self[code] = made
        return made


_single = _Single()
_UNEVEN = re.compile(rf"[ \n{_ODD}]{{2,}}|{_ODD}")
_PAIRS = ("  ", " \n", "\n ", "\n\n")


def _is_plain(made: str) -> bool:
    """Whether every character became one and no spaces run together: then this is the normal form."""
    return not (_ODD in made or any(pair in made for pair in _PAIRS))


def fold(text: str) -> str:
    """The normal form as a plain string, for rule words and names that need no way back."""
    made = text.translate(_single)
    return made if _is_plain(made) else _one_space("".join(map(_characters.__getitem__, text)))


_RUN = re.compile(r"[ \n]{2,}")


def _one_space(text: str) -> str:
    return _RUN.sub(lambda m: "\n" if "\n" in m[0] else " ", text)


def normalise(text: str) -> Normalised:
    """Bring a text into normal form.

    NFKC, lower case, simplified character by character, invisible and combining characters dropped, a run of
    spaces and line breaks kept as one; full-width punctuation becomes ASCII, ``。、…`` and quotes stay.
    """
    return _lately(text) if len(text) <= _SHORT else _normalised(text)


def _normalised(text: str) -> Normalised:
    made = text.translate(_single)
    if _is_plain(made):
        return Normalised(text, made)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for uneven in _UNEVEN.finditer(made):
        _even(made, place, uneven.start(), chars, starts, ends)
        place = uneven.end()
        _one_by_one(text, uneven.start(), place, chars, starts, ends)
    _even(made, place, len(made), chars, starts, ends)
    return Normalised(text, "".join(chars), tuple(starts), tuple(ends))


_SHORT = 600
"""Characters of a text whose normal form is remembered for a moment: reading, search and checks each ask for it."""
_lately = lru_cache(maxsize=2048)(_normalised)


def _even(made: str, first: int, last: int, chars: list[str], starts: list[int], ends: list[int]) -> None:
    """Add a stretch in which every character became one."""
    chars += made[first:last]
    starts += range(first, last)
    ends += range(first + 1, last + 1)


def _one_by_one(text: str, first: int, last: int, chars: list[str], starts: list[int], ends: list[int]) -> None:
    """Add a stretch in which characters become none or several, or spaces run together."""
    for i in range(first, last):
        piece = _characters[text[i]]
        if not piece:
            if ends and unicodedata.category(text[i]) in ("Mn", "Me"):
                ends[-1] = i + 1  # a mark belongs to the letter it sits on
            continue
        if piece in " \n" and chars and chars[-1] in " \n":
            chars[-1] = "\n" if piece == "\n" else chars[-1]
            ends[-1] = i + 1
            continue
        for char in piece:
            chars.append(char)
            starts.append(i)
            ends.append(i + 1)
