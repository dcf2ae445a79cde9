"""Whether what is written somewhere is an ordinary word: a general dictionary, loaded when first asked."""

from __future__ import annotations

from functools import cache
from typing import Any

_REACH = 8
"""Characters on either side that are cut into words together."""


@cache
def _dictionary() -> Any:
    import rjieba  # late: a fifth of a second, and few texts come to this

    return rjieba


def in_word(text: str, start: int, end: int) -> bool:
    """True when the dictionary cuts a word of two characters or more that reaches into ``text[start:end]`` alone.

    A span of several characters counts when they all lie in one word.
    """
    first = max(start - _REACH, 0)
    place = first
    for word in _dictionary().cut(text[first : end + _REACH], False):
        if place <= start and end <= place + len(word):
            return len(word) > 1
        place += len(word)
    return False


def is_common_noun(word: str) -> bool:
    """True when the dictionary has the whole string as one word and does not call it a person or a place."""
    tagged = _dictionary().tag(word, False)
    return len(tagged) == 1 and tagged[0][1][:2] not in ("nr", "ns")


def in_longer_word(text: str, start: int, end: int) -> bool:
    """True when the dictionary cuts a word there that reaches beyond ``text[start:end]``."""
    first = max(start - _REACH, 0)
    place = first
    for word in _dictionary().cut(text[first : end + _REACH], False):
        if place < end and start < place + len(word) and (place < start or end < place + len(word)):
            return True
        place += len(word)
    return False
