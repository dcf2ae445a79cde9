"""What was worked out for a clause a moment ago.

A desk checks on every keystroke, and all clauses but one are as before. Held in memory by the rules it was worked out
with, never written anywhere, and gone with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 4096
"""Clauses remembered; then all are forgotten."""
LONGEST = 64
"""Characters of a clause worth remembering; longer ones hardly ever come again."""


SENTENCE = 160
"""The same for whole sentences."""


class Memo(Generic[V]):
    """Clause → what one function made of it."""

    def __init__(self, work: Callable[[Sequence[str]], Iterable[V]], longest: int = LONGEST) -> None:
        """Remembers what ``work`` made of clauses of up to ``longest`` characters.

        ``work`` gives the values of several clauses at once, in their order; a value depends on its clause alone.
        """
        self._work, self._longest = work, longest
        self._known: dict[str, V] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, clauses: Sequence[str]) -> list[V]:
        """The values of the clauses, in their order."""
        found = list(map(self._known.get, clauses))
        if None not in found:
            return found  # type: ignore[return-value]  # no None is in it
        new = list(dict.fromkeys(clause for clause, value in zip(clauses, found, strict=True) if value is None))
        made = dict(zip(new, self._work(new), strict=True))
        if len(self._known) > MOST:
            self._known = {}
        self._known.update((clause, value) for clause, value in made.items() if len(clause) <= self._longest)
        return [made[clause] if value is None else value for clause, value in zip(clauses, found, strict=True)]
