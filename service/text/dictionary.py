"""Whether what is written somewhere is an ordinary word: a general dictionary, loaded when first asked."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

_REACH = 8
"""Characters on either side that are cut into words together."""


@cache
def _dictionary() -> Any:
    import rjieba  # late: a fifth of a second, and few texts come to this

    return rjieba


@lru_cache(maxsize=4096)  # on every keystroke the same places are asked about
def _cut(text: str) -> tuple[tuple[int, int], ...]:
    """Where the words of a stretch begin and end."""
    spans, place = [], 0
    for word in _dictionary().cut(text, False):
        spans.append((place, place + len(word)))
        place += len(word)
    return tuple(spans)


def in_word(text: str, start: int, end: int) -> bool:
    """True when the dictionary cuts a word of two characters or more that reaches into ``text[start:end]`` alone.

    A span of several characters counts when they all lie in one word.
    """
    first = max(start - _REACH, 0)
    return any(a <= start - first and end - first <= b and b - a > 1 for a, b in _cut(text[first : end + _REACH]))


def is_common_noun(word: str) -> bool:
    """True when the dictionary has the whole string as one word and does not call it a person or a place."""
    tagged = _dictionary().tag(word, False)
    return len(tagged) == 1 and tagged[0][1][:2] not in ("nr", "ns")


def in_longer_word(text: str, start: int, end: int) -> bool:
    """True when the dictionary cuts a word there that reaches beyond ``text[start:end]``."""
    first = max(start - _REACH, 0)
    words = _cut(text[first : end + _REACH])
    start, end = start - first, end - first
    return any(a < end and start < b and (a < start or end < b) for a, b in words)
