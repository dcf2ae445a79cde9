"""What a clause denies: ``没有受伤`` is no injury, ``这不是假货吗`` is a fake all the same.

The words are in ``knowledge/text/negation.yaml``.
"""

from __future__ import annotations

import re
from functools import cache

from service.text.tables import table

_REACH = 10
"""Characters before a phrase in which its denial stands."""


def _either(words: list[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


@cache
def _denials() -> tuple[re.Pattern[str], frozenset[str], re.Pattern[str]]:
    data = table("negation")
    before = re.compile(rf"(?P<word>{_either(data['before'])})(?:{_either(data['between'])})?$")
    return before, frozenset(data["asks_back"]), re.compile(_either(data["rhetorical"]))


def denied(clause: str, start: int) -> bool:
    """Whether what begins at ``start`` of a clause in normal form is denied by the words right before it.

    A choice put as a question (能不能, 是不是, 有没有) denies nothing, and neither does a question put against its own
    words (这不是…吗).
    """
    before, asks_back, rhetorical = _denials()
    from_ = max(0, start - _REACH)
    found = before.search(clause[from_:start])
    if not found:
        return False
    word, place, after = found["word"], from_ + found.start(), from_ + found.end("word")
    previous = clause[place - 1] if place else ""
    if previous and (word.endswith(previous) or clause[after] == previous):
        return False
    return not (word in asks_back and rhetorical.search(clause, start))


def denies(word: str) -> bool:
    """Whether a word has a denial in it (没收到, 不制冷)."""
    return any(mark in word for mark in table("negation")["within"])


@cache
def undenied() -> str:
    """A pattern that holds where the words right before deny nothing; a choice put as a question denies nothing."""
    return "".join(_behind(word) for word in table("negation")["within"])


def _behind(word: str) -> str:
    """Not after the word, unless it is the second half of a choice (有 before 没有)."""
    return f"(?<!(?<!{re.escape(word[-1])}){re.escape(word)})" if len(word) > 1 else f"(?<!{re.escape(word)})"
