"""What was heard: one fact by one speaker, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from service.rulebook.listening import Speaker

Scalar = str | float | bool


@dataclass(frozen=True, slots=True)
class Heard:
    """One fact as one speaker put it. ``message`` is the turn's index; for a record −1, and ``key`` is its key."""

    fact: str
    value: Scalar
    speaker: Speaker
    quote: str
    message: int
    start: int
    end: int
    key: str = ""
    fresh: bool = True
    like: str = ""
    """The example sentence it was heard by, where no frame heard it."""
    whole: bool = False
    """Heard by weighing the whole message against labelled ones."""
    claimed: bool = False
    """Read by a model, which quoted these words; no record says so."""
    asked: bool = False
    """A demand only asked about (运费谁出呀), beside what is demanded."""


@dataclass(frozen=True)
class Reading:
    """Everything heard, in the order it was said; records first."""

    heard: tuple[Heard, ...]
    fresh_from: int
    """Index of the first message of the newest inquiry: buyer turns after the last agent turn."""

    @cached_property
    def by_fact(self) -> dict[str, tuple[Heard, ...]]:
        """What was heard of each fact."""
        found: dict[str, list[Heard]] = {}
        for one in self.heard:
            found.setdefault(one.fact, []).append(one)
        return {name: tuple(items) for name, items in found.items()}

    def of(self, fact: str, *speakers: Speaker) -> tuple[Heard, ...]:
        """What these speakers (all, when none is named) said of a fact."""
        heard = self.by_fact.get(fact)
        if heard is None:  # most facts of most cases
            return ()
        return tuple(one for one in heard if not speakers or one.speaker in speakers)

    def newest(self, fact: str, *speakers: Speaker) -> tuple[Heard, ...]:
        """What the newest inquiry says of a fact; when it is silent, what was said before."""
        heard = self.of(fact, *speakers)
        return (tuple(one for one in heard if one.fresh) or heard) if heard else ()
