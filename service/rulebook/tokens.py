"""The tokens of a frame: each read at once, so that mistakes show on load, and made into a pattern when needed.

How tokens are written is said in :mod:`service.rulebook.frames`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from service.errors import phrase
from service.text.normalise import fold
from service.text.numerals import duration_pattern, money_pattern, numeral_pattern
from service.text.segment import BLANK, PAUSES

_GAP = re.compile(r"^…(\d*)$")
_CLASS = re.compile(r"<([^<>]+)>")
_STRAY = re.compile(r"[<>?]|^[!-](?=.)")
"""Marks that mean something elsewhere in a frame and are surely a slip inside a word."""
_SLOT = "\x01"
"""Where the alternatives of a token go; no text in normal form holds it."""
_DEFAULT_GAP = 6
_LONGEST_GAP = 40
_PAUSES = frozenset(PAUSES)
COMMAS = "，,"
WITHIN, BEYOND = 1, 2
"""How far a token may look or reach: beyond its clause, or beyond its sentence too."""
_BREAK = re.escape(PAUSES + BLANK)
_EDGES = {"^": rf"(?<![^{_BREAK} ])", "$": rf"(?![^{_BREAK} ])"}
NUMERALS = {"数": numeral_pattern, "时长": duration_pattern, "金额": money_pattern}


@dataclass(frozen=True)
class _WordClass:
    """The words of a class in normal form, longest first."""

    words: tuple[str, ...]
    needed: frozenset[str]
    pattern: str
    crosses: int


@lru_cache(maxsize=4096)
def _word_class(words: tuple[str, ...]) -> _WordClass:
    found = tuple(sorted({fold(word) for word in words} - {""}, key=lambda w: (-len(w), w)))
    return _WordClass(found, frozenset(found), "|".join(map(re.escape, found)), _crosses(found))


def _crosses(words: Iterable[str]) -> int:
    """0: no pause in any of the words; ``WITHIN``: commas only; ``BEYOND``: what may end a sentence."""
    pauses = _PAUSES.intersection("".join(words))
    return 0 if not pauses else WITHIN if pauses <= set(COMMAS) else BEYOND


@dataclass(frozen=True, slots=True)
class Token:
    """One token, read but not yet made into a pattern. ``needed`` is None when it may match without a listed word.

    ``form`` holds a place for the alternatives: plain ``words``, longest first, then ``groups`` that are patterns.
    """

    form: str
    names: tuple[str, ...]
    needed: frozenset[str] | None
    words: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    gap: bool = False
    crosses: int = 0
    """A word has a pause in it: only such a token looks or reaches beyond its clause; how far, ``_crosses`` says."""

    @property
    def source(self) -> str:
        """The pattern; made only when a text needs it, because most frames never meet theirs."""
        words = sorted(self.words, key=len, reverse=True)  # the longest alternative first, as classes have it
        return self.form.replace(_SLOT, "|".join([*map(_escaped, words), *self.groups]))


@lru_cache(maxsize=16384)
def plain_token(token: str) -> Token:
    """A token without classes; the same few stand in many frames."""
    return read_token(token, token, {})


def read_token(token: str, frame: str, words: Mapping[str, Sequence[str]]) -> Token:
    """Read one token of a frame.

    Raises:
        ValueError: an unknown or empty class, or a token that is none; a Chinese sentence says which.
    """
    if token in _EDGES:
        return Token(_EDGES[token], (), None)
    gap = _GAP.match(token)
    if gap:
        longest = min(int(gap[1]) if gap[1] else _DEFAULT_GAP, _LONGEST_GAP)
        return Token(rf"[^{_BREAK}]{{0,{longest}}}?", (), None, gap=True)
    if token[0] in "!-" and len(token) > 1:
        return _negative(token, frame, words)
    optional = token.endswith("?") and len(token) > 1
    made = _alternatives(token[:-1] if optional else token, frame, words, capture=True)
    return replace(made, form=f"(?:{made.form})?", needed=None) if optional else made


def _negative(token: str, frame: str, words: Mapping[str, Sequence[str]]) -> Token:
    made = _alternatives(token[1:], frame, words, capture=False)
    if token[0] == "!":
        return replace(made, form=f"(?!{made.form})", needed=None)
    if made.needed is None:
        raise ValueError(phrase("frame_token", frame=frame, token=token))
    return Token("".join(f"(?<!{re.escape(word)})" for word in sorted(made.needed)), (), None, crosses=made.crosses)


def _alternatives(token: str, frame: str, words: Mapping[str, Sequence[str]], *, capture: bool) -> Token:
    """The alternatives of one token; no words are needed when an edge or a numeral is among them."""
    literals: list[str] = []
    groups: list[str] = []
    names: list[str] = []
    needed: set[str] = set()
    open_ended, crosses = False, 0
    group = "({})" if capture else "(?:{})"
    for alternative in token.split("|"):
        if alternative in _EDGES:
            groups.append(_EDGES[alternative])
            open_ended = True
            continue
        if alternative[:1] != "<":
            if not alternative or _STRAY.search(alternative):
                raise ValueError(phrase("frame_token", frame=frame, token=token))
            literals.append(_folded(alternative))
            continue
        inside = _CLASS.fullmatch(alternative)
        if inside is None:
            raise ValueError(phrase("frame_token", frame=frame, token=token))
        name = inside[1]
        names.append(name)
        if name in NUMERALS and name not in words:
            groups.append(group.format(NUMERALS[name]()))
            open_ended = True
            continue
        found = _known_class(name, frame, words)
        groups.append(group.format(found.pattern))
        needed |= found.needed
        crosses = max(crosses, found.crosses)
    needed.update(literals)
    crosses = max(crosses, _crosses(literals))
    heard = None if open_ended else frozenset(needed)
    return Token(
        f"(?:{_SLOT})",
        tuple(names) if capture else (),
        heard,
        tuple(literals),
        tuple(groups),
        crosses=crosses,
    )


_folded = lru_cache(maxsize=16384)(fold)


@lru_cache(maxsize=16384)
def _escaped(word: str) -> str:
    return re.escape(word)


def _known_class(name: str, frame: str, words: Mapping[str, Sequence[str]]) -> _WordClass:
    if name not in words:
        raise ValueError(phrase("frame_class_unknown", frame=frame, word_class=name))
    found = _word_class(tuple(words[name]))
    if not found.words:
        raise ValueError(phrase("frame_class_empty", word_class=name))
    return found
