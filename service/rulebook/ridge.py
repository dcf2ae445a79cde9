"""A linear model over runs of characters: ridge regression in its dual form (Saunders et al. 1998).

Solved in one step when first needed, the same for the same examples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.int64]

ROUNDS = 8
"""Rounds of conjugate gradients; by then nothing moves that a margin could feel."""

_AT_ONCE = 2048
"""Entries of a matrix that are worked on together."""

_numbers: dict[str, int] = {}
"""Every run that any model of this process knows, numbered once for all: a sentence is looked up in one large table
instead of one a model."""
_numbering = Lock()


@lru_cache(maxsize=256)
def _numbered(text: frozenset[str], count: int) -> Numbers:
    """The numbers of a sentence's runs in order; ``count`` is how many are numbered, for with more it may hold more."""
    import numpy as np

    found: Numbers = np.sort(np.array([n for n in map(_numbers.get, text) if n is not None], dtype=np.int64))
    return found


class Learned:
    """Weights of every run for every value.

    Solves (XXᵀ + ridge) A = Y by conjugate gradients over the few runs a sentence has; weights are XᵀA.
    """

    def __init__(
        self, texts: Sequence[frozenset[str]], targets: Floats, ridge: float, weights: Sequence[float] | None = None
    ) -> None:
        """Learn.

        Args:
            texts: the runs of each example.
            targets: one row an example, one column a value, near one where the example says the value.
            ridge: regularisation; the larger, the less a rare run counts.
            weights: how much each example counts; all alike when None.
        """
        import numpy as np  # here, because the shell's ``check`` must not pay for it

        counts = Counter(chain.from_iterable(texts))
        known = sorted(run for run, n in counts.items() if 1 < n < len(texts))  # most runs stand in one text only
        self.rarity = {run: math.log(len(texts) / counts[run]) for run in known}
        self._places = {run: place for place, run in enumerate(known)}
        self._rarities: Floats = np.array(list(self.rarity.values()), dtype=np.float32)
        rows = [sorted(map(self._places.__getitem__, text & self._places.keys())) for text in texts]
        told = [place for place, row in enumerate(rows) if row]
        counts_for = np.sqrt(np.array([weights[place] for place in told] if weights else [1.0] * len(told), np.float32))
        matrix = _Sparse([rows[place] for place in told], np.array(list(self.rarity.values())), counts_for)
        wanted = targets[told]
        self._mean: Floats = np.average(wanted, axis=0, weights=counts_for**2)
        self._weights: Floats = matrix.across(_solve(matrix, ridge, (wanted - self._mean) * counts_for[:, None]))
        self._number()

    def _number(self) -> None:
        """Number the runs, and note which place each number has here; −1: none."""
        import numpy as np

        with _numbering:
            numbers = [_numbers.setdefault(run, len(_numbers)) for run in self._places]
        self._place_of: Numbers = np.full(1 + max(numbers, default=-1), -1, dtype=np.int64)
        self._place_of[numbers] = np.arange(len(numbers))

    @classmethod
    def read(cls, path: Path, of: str) -> Learned:
        """What :meth:`write` wrote of the same thing.

        Raises:
            OSError: no such file.
            Exception: it is damaged, in one of the many ways a zip can be, or of something else.
        """
        import numpy as np

        learned = cls.__new__(cls)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if bytes(data["of"]).decode() != of:
                raise ValueError(path.name)
            found = bytes(data["runs"]).decode().split("\n")
            rarities, learned._mean, learned._weights = data["rarities"], data["mean"], data["weights"]
        if not len(found) == len(rarities) == len(learned._weights):
            raise ValueError(path.name)
        learned._rarities = rarities.astype(np.float32)
        learned.rarity = dict(zip(found, rarities.tolist(), strict=True))
        learned._places = {run: place for place, run in enumerate(found)}
        learned._number()
        return learned

    def write(self, file: BinaryIO, of: str) -> None:
        """Write the runs and their weights; no run holds a line break.

        Args:
            file: to write to.
            of: what was learned, so that no file is taken for another.
        """
        import numpy as np

        runs = np.frombuffer("\n".join(self._places).encode(), dtype=np.uint8)
        rarities = np.array(list(self.rarity.values()))
        name = np.frombuffer(of.encode(), dtype=np.uint8)
        np.savez(file, of=name, runs=runs, rarities=rarities, mean=self._mean, weights=self._weights)

    def scores(self, text: frozenset[str]) -> list[float] | None:
        """One score a value; the examples' own would be near one for theirs and near nought for others."""
        import numpy as np

        numbers = _numbered(text, len(_numbers))
        if len(numbers) and numbers[-1] >= len(self._place_of):
            numbers = numbers[: np.searchsorted(numbers, len(self._place_of))]
        places = self._place_of[numbers]
        places = places[places >= 0]
        if not len(places):
            return None
        weights = self._rarities[places]
        found: list[float] = (weights @ self._weights[places] / np.sqrt(weights @ weights) + self._mean).tolist()
        return found


class _Sums:
    """Weighted sums of a matrix's rows: for each group of entries, the sum of value times row."""

    def __init__(self, rows: Numbers, values: Floats, starts: Numbers) -> None:
        """``rows``: which row each entry takes; ``starts``: where each group begins, none of them empty."""
        import numpy as np

        self._rows, self._values = rows, values
        self._starts = np.append(starts, len(rows))
        first = np.searchsorted(starts, np.arange(0, len(rows), _AT_ONCE))
        self._blocks = np.unique(np.append(first, len(starts))).tolist()

    def of(self, matrix: Floats) -> Floats:
        """The sums, one row a group; taken in blocks that stay in the processor's cache."""
        import numpy as np

        sums = np.empty((len(self._starts) - 1, matrix.shape[1]), dtype=np.float32)
        for first, last in pairwise(self._blocks):
            here = slice(self._starts[first], self._starts[last])
            taken = np.take(matrix, self._rows[here], axis=0)
            taken *= self._values[here]
            np.add.reduceat(taken, self._starts[first:last] - here.start, out=sums[first:last])
        return sums


class _Sparse:
    """A matrix of few entries a row, in numpy alone."""

    def __init__(self, rows: Sequence[Sequence[int]], weights: NDArray[np.float64], lengths: Floats) -> None:
        """``rows``: the columns where each row has its column's weight; ``lengths``: how long each row shall be."""
        import numpy as np

        sizes = [len(row) for row in rows]
        columns = np.fromiter(chain.from_iterable(rows), np.int64, sum(sizes))
        row_of = np.repeat(np.arange(len(rows)), sizes)
        starts = np.cumsum([0, *sizes])[:-1]
        raw = weights[columns]
        unit = raw / np.sqrt(np.add.reduceat(raw * raw, starts))[row_of]
        values = (unit.astype(np.float32) * lengths[row_of])[:, None]
        order = np.argsort(columns, kind="stable")
        self._along = _Sums(columns, values, starts)
        self._across = _Sums(row_of[order], values[order], np.searchsorted(columns[order], np.arange(len(weights))))

    def along(self, other: Floats) -> Floats:
        """This matrix times another."""
        return self._along.of(other)

    def across(self, other: Floats) -> Floats:
        """This matrix turned, times another."""
        return self._across.of(other)


def _solve(matrix: _Sparse, ridge: float, wanted: Floats) -> Floats:
    """(XXᵀ + ridge) A = wanted by conjugate gradients, column by column at once."""
    import numpy as np

    found = np.zeros_like(wanted)
    rest = wanted.copy()
    step = rest.copy()
    size = (rest * rest).sum(axis=0)
    for _ in range(ROUNDS):
        image = matrix.along(matrix.across(step)) + ridge * step
        length = size / np.maximum((step * image).sum(axis=0), 1e-12)
        found += length * step
        rest -= length * image
        grown = (rest * rest).sum(axis=0)
        step = rest + (grown / np.maximum(size, 1e-12)) * step
        size = grown
    return found
