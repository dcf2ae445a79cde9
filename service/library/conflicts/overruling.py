"""What follows from contradictions: which side holds, and which passages a draft may not rest on.

While nobody has ruled, the law holds against everything below it, and between others nothing follows. A ruling names
the side that holds. The law itself is never overruled. Rulings belong to a shop; one of ``*`` holds for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from service.library.conflicts.pairs import Clash, Said
from service.library.scope import SHARED
from service.schemas import Passage

Keep = Literal["left", "right", "both", "neither"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decided. ``claims`` are both quotes as they stood, and what was ruled before."""

    key: str
    shop: str
    keep: Keep
    claims: Mapping[str, Any]
    author: str | None
    note: str | None
    ruled_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A contradiction as one shop has it."""

    clash: Clash
    ruling: Ruling | None

    @property
    def keep(self) -> Keep | None:
        """The side that holds as the sides stand now; they may have changed places since the ruling."""
        if self.ruling is None or self.ruling.keep in ("both", "neither"):
            return self.ruling.keep if self.ruling else None
        quotes = {one.quote for one in (self.clash.left, *self.clash.left_more)}
        if self.ruling.claims["left"]["quote"] in quotes:
            return self.ruling.keep
        return "left" if self.ruling.keep == "right" else "right"

    @property
    def losing(self) -> tuple[Said, ...]:
        """What no draft may rest on."""
        left = (self.clash.left, *self.clash.left_more)
        right = (self.clash.right, *self.clash.right_more)
        lost: dict[Keep | None, tuple[Said, ...]] = {
            None: self.clash.lawless if self.clash.sure else (),
            "left": right,
            "right": left,
            "neither": (*left, *right),
            "both": (),
        }
        return tuple(said for said in lost[self.keep] if said.source.authority != "law")


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a document that is one side of a contradiction."""

    start: int
    end: int
    key: str
    overruled: bool


class Contradictions:
    """The contradictions of one generation with what was ruled on them. Immutable.

    Args:
        clashes: what was found.
        rulings: what persons decided, of all shops.
    """

    def __init__(self, clashes: Sequence[Clash] = (), rulings: Iterable[Ruling] = ()) -> None:
        self.clashes = tuple(clashes)
        self._rulings = {(ruling.key, ruling.shop): ruling for ruling in rulings}
        self._marks: dict[str, dict[str, list[Mark]]] = {}

    def standing(self, shop: str) -> list[Standing]:
        """The contradictions between documents this shop sees, law first."""
        return [Standing(clash, self._ruling(clash, shop)) for clash in self.clashes if clash.shops <= {SHARED, shop}]

    def _ruling(self, clash: Clash, shop: str) -> Ruling | None:
        """The newest ruling on any of its quotes; a shop's own before one for all."""
        for whose in (shop, SHARED):
            found = [self._rulings[key, whose] for key in clash.keys if (key, whose) in self._rulings]
            if found:
                return max(found, key=lambda ruling: (ruling.ruled_at, ruling.key))
        return None

    @cached_property
    def open(self) -> int:
        """How many nobody has ruled on, in any shop."""
        ruled = {key for key, _ in self._rulings}
        return sum(clash.keys.isdisjoint(ruled) for clash in self.clashes)

    def marked(self, passages: Sequence[Passage], shop: str) -> list[Passage]:
        """The passages, those that are a side of a contradiction marked so."""
        marks = self._of(shop)
        return (
            [self._one(passage, marks.get(passage.document_id, ())) for passage in passages] if marks else [*passages]
        )

    def overruled(self, document_id: str, shop: str) -> list[tuple[int, int]]:
        """The stretches of a document that no draft may rest on."""
        return [(mark.start, mark.end) for mark in self._of(shop).get(document_id, ()) if mark.overruled]

    def _of(self, shop: str) -> dict[str, list[Mark]]:
        if shop not in self._marks:
            self._marks[shop] = self._worked_out(shop)
        return self._marks[shop]

    def _worked_out(self, shop: str) -> dict[str, list[Mark]]:
        marks: dict[str, list[Mark]] = {}
        for standing in self.standing(shop):
            clash = standing.clash
            lost = {(one.source.id, one.claim.start) for one in standing.losing}
            for one in (clash.left, clash.right, *clash.left_more, *clash.right_more):
                gone = (one.source.id, one.claim.start) in lost
                marks.setdefault(one.source.id, []).append(Mark(one.claim.start, one.claim.end, clash.key, gone))
        return marks

    @staticmethod
    def _one(passage: Passage, marks: Sequence[Mark]) -> Passage:
        mine = [mark for mark in marks if mark.start < passage.end and passage.start < mark.end]
        if not mine:
            return passage
        keys = list(dict.fromkeys(mark.key for mark in mine))
        return passage.model_copy(update={"conflicts": keys, "overruled": any(mark.overruled for mark in mine)})
