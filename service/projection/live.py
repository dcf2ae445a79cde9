"""A collection that answers: what it should hold, what has changed, and whether it finds what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from service.projection.process import ChromaLost, ChromaProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

PROBES = 32
"""Vectors asked for by themselves when an index is checked."""
REACHED = 0.95
"""Share of them that must be found: a graph misses a few by nature (0.3 % measured), a damaged one nearly all."""
CHECK_K = 3
EQUAL = 1e-3
"""Vectors whose cosine differs from 1 by less are one and the same to a graph."""


def put(process: ChromaProcess, ids: list[str], rows: Matrix) -> None:
    """Vectors into a collection.

    Raises:
        ChromaLost: they are not in, or not all.
    """
    import numpy as np

    body = np.ascontiguousarray(rows, dtype="<f4").tobytes()
    process.ask("upsert", {"ids": ids, "dim": int(rows.shape[1])}, body)


@dataclass(slots=True)
class Live:
    """A collection with the vectors it was given; ``removed`` counts those that are gone and still in its graph."""

    process: ChromaProcess
    folder: Path | None
    name: str
    fingerprint: str
    ids: list[str]
    matrix: Matrix
    removed: int = 0
    more: bool = False
    """Whether the collection may hold more than these: one that several processes read is never taken from."""
    places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places = {chunk: place for place, chunk in enumerate(self.ids)}

    def changed(self, ids: list[str], matrix: Matrix) -> list[int]:
        """Places of ``ids`` that are not in here, or with another vector."""
        import numpy as np

        held = np.array([self.places.get(chunk, -1) for chunk in ids], dtype=np.int64)
        known = np.nonzero(held >= 0)[0]
        same = (self.matrix[held[known]] == matrix[known]).all(axis=1)
        fresh = np.ones(len(ids), dtype=bool)
        fresh[known] = ~same
        return [int(place) for place in np.nonzero(fresh)[0]]

    def verify(self, fresh: Sequence[int] = ()) -> None:
        """Count, and ask for some of the vectors by themselves.

        Args:
            fresh: places of which none may be missed, as far as they are asked for.

        Raises:
            ChromaLost: too few, too many, or not found.
        """
        import numpy as np

        count = self.process.ask("count")["count"]
        if count < len(self.ids) or (count > len(self.ids) and not self.more):
            raise ChromaLost("Count")
        chance = np.random.default_rng()
        new = chance.permutation(np.array(fresh, dtype=np.int64))[:PROBES]
        some = chance.choice(len(self.ids), min(PROBES, len(self.ids)), replace=False)
        if not all(self._reached(new)) or sum(self._reached(some)) < REACHED * len(some):
            raise ChromaLost("Unreachable")

    def _reached(self, places: NDArray[np.int64]) -> list[bool]:
        """Whether vectors, asked for, are found: themselves, or others that are equal to them."""
        import numpy as np

        asked = self.matrix[places[self.matrix[places].any(axis=1)]]  # a text without letters is near to nothing
        if not len(asked):
            return [True] * len(places)
        k, body = (
            min(CHECK_K + self.removed, 2 * CHECK_K, len(self.ids)),
            np.ascontiguousarray(asked, dtype="<f4").tobytes(),
        )
        answers = self.process.ask("query", {"k": k, "count": len(asked)}, body)["ids"]
        reached = [True] * (len(places) - len(asked))
        for vector, found in zip(asked, answers, strict=True):
            near = [self.places[chunk] for chunk in found if chunk in self.places]
            best = float((self.matrix[near] @ vector).max()) if near else 0.0
            reached.append(best >= float(vector @ vector) - EQUAL)
        return reached
