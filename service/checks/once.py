"""What may be said once and was said again and again: keep the one that says most, drop the rest."""

from __future__ import annotations

from service.rulebook.forbidden import ForbiddenRule
from service.text.normalise import normalise
from service.text.segment import PAUSES, clauses

_NEAR = 2
"""A later clause must say this many characters more than an earlier one to be kept instead."""


def said_again(text: str, rule: ForbiddenRule) -> list[tuple[int, int]]:
    """Spans of ``text`` without which a single match of a counting rule is left, in text order.

    The clause that says most besides is kept; every other clause with a match goes, and so do further matches in the
    kept one. What stands in between stays. Nothing when there are no two matches.
    """
    norm = normalise(text)
    found: list[tuple[int, int]] = []
    for match in rule.frames.finditer(norm.text):
        if not found or match.start >= found[-1][1]:
            found.append((match.start, match.end))
    if len(found) < 2:
        return []
    held = [(clause, [f for f in found if clause[0] <= f[0] < clause[1]]) for clause in clauses(norm.text)]
    told = [(clause, own) for clause, own in held if own]
    kept, more = told[0], _besides(norm.text, told[0])
    for one in told[1:]:
        if _besides(norm.text, one) > more + _NEAR:
            kept, more = one, _besides(norm.text, one)
    gone = [clause for clause, own in told if (clause, own) != kept] + kept[1][1:]
    return sorted(norm.span(*span) for span in gone)


def say_once(text: str, rule: ForbiddenRule) -> str | None:
    """``text`` with a single match of a counting rule left; None when there are not two of them."""
    gone = said_again(text, rule)
    left = text
    for start, end in reversed(gone):
        left = left[:start] + left[end:]
    return left.strip(PAUSES + " ") or None if gone else None


def _besides(text: str, told: tuple[tuple[int, int], list[tuple[int, int]]]) -> int:
    """Letters a clause has besides its matches."""
    (start, end), own = told
    return sum(map(str.isalnum, text[start:end])) - sum(map(str.isalnum, "".join(text[a:b] for a, b in own)))
