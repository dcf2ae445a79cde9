"""A reply cut into pieces: at the marks of what was found in it, or at what differs from an earlier one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from service.schemas import Draft

_WORD = re.compile(r"[0-9A-Za-z.%]+|\s+|.", re.DOTALL)
_LONGEST = 4_000
"""Tokens a side; beyond it a comparison would take seconds, and the two are shown whole."""
_ISLAND = 2
"""Tokens that must agree in a row between two changes; single ones that happen to agree make a patchwork."""


@dataclass(frozen=True)
class Note:
    """Something said about a place: ``start`` and ``end`` in code points, ``number`` as shown."""

    number: int
    start: int
    end: int
    why: str
    grave: bool = True


@dataclass(frozen=True)
class Piece:
    """A run of text under the same notes; ``ends``: the numbers of those that end here."""

    text: str
    notes: tuple[int, ...] = ()
    grave: bool = False
    ends: tuple[int, ...] = ()


@dataclass(frozen=True)
class Bubble:
    """A step of the reply as a chat bubble."""

    step: str
    writer: str
    citations: tuple[int, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Difference:
    """A run of text that stayed, went or came."""

    op: Literal["same", "gone", "new"]
    text: str


def pieces(text: str, notes: Iterable[Note], offset: int = 0) -> tuple[Piece, ...]:
    """``text``, which begins at ``offset`` of the reply, cut where notes begin and end.

    Every character comes out once and in order, whatever the notes say: places outside the text are cut to it, empty
    and reversed ones are left out.
    """
    end = offset + len(text)
    inside = [one for one in notes if max(one.start, offset) < min(one.end, end)]
    cuts = sorted({offset, end, *(min(max(place, offset), end) for one in inside for place in (one.start, one.end))})
    made = []
    for left, right in pairwise(cuts):
        over = [one for one in inside if one.start < right and one.end > left]
        ending = tuple(one.number for one in over if min(one.end, end) == right)
        numbers = tuple(one.number for one in over)
        made.append(Piece(text[left - offset : right - offset], numbers, any(one.grave for one in over), ending))
    return tuple(made)


def bubbles(draft: Draft, notes: Sequence[Note]) -> tuple[Bubble, ...]:
    """The reply's bubbles with the notes at their places; one bubble where the steps are not the reply."""
    if "\n".join(step.text for step in draft.steps) != draft.reply:
        whole = pieces(draft.reply, notes)
        return (Bubble("", draft.writer.kind, tuple(one.id for one in draft.citations), whole),) if whole else ()
    made, offset = [], 0
    for step in draft.steps:
        cut = pieces(step.text, notes, offset)
        made.append(Bubble(step.step, step.writer, tuple(step.citations), cut))
        offset += len(step.text) + 1
    return tuple(made)


def differences(old: str, new: str) -> tuple[Difference, ...]:
    """What became of ``old``: the ``same`` and ``gone`` runs make it up, the ``same`` and ``new`` ones ``new``."""
    one, two = _WORD.findall(old), _WORD.findall(new)
    kept: list[tuple[int, int, int]] = [(0, 0, 0)]
    if max(len(one), len(two)) <= _LONGEST:
        blocks = difflib.SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
        whole = (len(one), len(two))
        kept += [(a, b, size) for a, b, size in blocks if size >= _ISLAND or a + size == whole[0] or not a]
    found: list[Difference] = []
    for (a, b, size), (c, d, _) in zip(kept, [*kept[1:], (len(one), len(two), 0)], strict=True):
        for op, words in (("same", one[a : a + size]), ("gone", one[a + size : c]), ("new", two[b + size : d])):
            if words:
                found.append(Difference(op, "".join(words)))  # type: ignore[arg-type]
    return tuple(found)
