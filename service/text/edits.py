"""How much of a text a person changed: characters, and which of its parts stayed, changed, went or came.

Pure functions of texts. Blanks and line breaks do not count: bubbles are often pasted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from service.text.segment import sentences

MOST_SENTENCES = 60
"""Sentences of a sent text that are held against the draft's; a chat reply never has so many."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of a draft on its way to the buyer."""

    distance: int
    """Characters put in, taken out or replaced."""
    ratio: float
    """``distance`` over the length of the longer text: 0 untouched, 1 nothing left."""
    kept: tuple[str, ...]
    """Parts that stand in the sent text word for word."""
    changed: tuple[str, ...]
    dropped: tuple[str, ...]
    added: int
    """Sentences that are like none of the draft's."""


def squeezed(text: str) -> str:
    """``text`` without blanks and line breaks."""
    return "".join(text.split())


def distance(left: str, right: str) -> int:
    """Levenshtein's distance: the fewest characters to put in, take out or replace.

    Source: G. Myers, A fast bit-vector algorithm for approximate string matching, JACM 46 (1999), in H. Hyyrö's
    form (2003); one big integer stands for a column, so 8,000 characters take a tenth of a second.
    """
    if not left or not right:
        return len(left) + len(right)
    full, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    where: dict[str, int] = {}
    for place, char in enumerate(left):
        where[char] = where.get(char, 0) | 1 << place
    up, down, score = full, 0, len(left)
    for char in right:
        equal = where.get(char, 0)
        straight = equal | down
        diagonal = (((equal & up) + up) ^ up) | equal
        more, less = down | ~(diagonal | up) & full, up & diagonal
        score += bool(more & last) - bool(less & last)
        more, less = (more << 1 | 1) & full, less << 1 & full
        up, down = less | ~(straight | more) & full, more & straight
    return score


def ratio(left: str, right: str) -> float:
    """The distance as a share of the longer text; 0 for two empty ones."""
    return distance(left, right) / max(len(left), len(right), 1)


def edit_of(parts: Sequence[tuple[str, str]], sent: str, alike: float) -> Edit:
    """What a person made of a draft.

    Args:
        parts: the draft's parts in order: name and text.
        sent: what was sent.
        alike: up to this ratio one sentence is the other, changed.
    """
    whole, final = squeezed("".join(text for _, text in parts)), squeezed(sent)
    far = distance(whole, final)
    there = _sentences(sent)[:MOST_SENTENCES]
    fates: dict[str, list[str]] = {"kept": [], "changed": [], "dropped": []}
    ours: list[str] = []
    for name, text in parts:
        mine = _sentences(text)
        ours += mine
        if squeezed(text) in final:
            fate = "kept"
        else:
            fate = "changed" if any(_like(a, b, alike) for a, b in product(mine, there)) else "dropped"
        fates[fate].append(name)
    added = sum(one not in whole and not any(_like(one, other, alike) for other in ours) for one in there)
    return Edit(
        far,
        far / max(len(whole), len(final), 1),
        tuple(fates["kept"]),
        tuple(fates["changed"]),
        tuple(fates["dropped"]),
        added,
    )


def _sentences(text: str) -> list[str]:
    return [said for start, end in sentences(text) if (said := squeezed(text[start:end]))]


def _like(left: str, right: str, alike: float) -> bool:
    longer = max(len(left), len(right))
    return abs(len(left) - len(right)) <= alike * longer and ratio(left, right) <= alike
