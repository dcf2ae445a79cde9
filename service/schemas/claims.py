"""What a model says it read; nothing of it counts before it was weighed (:mod:`service.evidence`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact and its value by the dictionary's names, and the words quoted for it."""

    fact: str
    value: str
    quote: str
