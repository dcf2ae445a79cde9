"""BM25 with the weights worked out beforehand: a query adds up arrays.

For each term the index holds the passages it occurs in and what it adds to each one's score, so a search over
thousands of passages is a few dozen array additions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


class Bm25Index:
    """An immutable index of term counts.

    Args:
        counts: for every passage its terms and how often (fields already weighted in).
        k1: how soon repetition stops helping.
        b: how much long passages are held back, 0 to 1.
        counted: passages by which rarity and usual length are judged; all, if not given. Copies and junk are scored
            too, but do not change what others score.
    """

    def __init__(
        self, counts: Sequence[Mapping[str, float]], k1: float, b: float, counted: NDArray[np.bool_] | None = None
    ) -> None:
        self.size = len(counts)
        judged = np.ones(self.size, dtype=np.bool_) if counted is None else counted
        lengths = np.array([sum(c.values()) for c in counts], dtype=np.float32)
        mean = float(lengths[judged].mean()) if judged.any() and lengths[judged].sum() else 1.0
        norms = k1 * (1 - b + b * lengths / mean)
        numbers: dict[str, int] = {}
        named = [numbers.setdefault(term, len(numbers)) for terms in counts for term in terms]
        where = np.repeat(np.arange(self.size, dtype=np.int32), [len(terms) for terms in counts])
        order = np.argsort(np.array(named, dtype=np.int64), kind="stable")  # by term, its passages in their order
        where = where[order]
        often = np.array([count for terms in counts for count in terms.values()], dtype=np.float32)[order]
        ends = np.cumsum(np.bincount(named, minlength=len(numbers))) if named else np.zeros(0, dtype=np.int64)
        known = np.bincount(np.array(named, dtype=np.int64)[order], judged[where], minlength=len(numbers))
        number = int(judged.sum())
        idf = np.log(1 + (number - known + 0.5) / (known + 0.5)).astype(np.float32)
        rare = np.repeat(idf, np.diff(ends, prepend=0))
        adds = (rare * often * np.float32(k1 + 1) / (often + norms[where])).astype(np.float32)
        starts = [0, *ends.tolist()]
        self._postings: dict[str, tuple[NDArray[np.int32], Scores]] = {
            term: (where[starts[n] : starts[n + 1]], adds[starts[n] : starts[n + 1]]) for term, n in numbers.items()
        }

    def score(self, terms: Iterable[str], weight: float = 1.0, into: Scores | None = None) -> Scores:
        """The score of every passage; a term counts once, however often it is asked.

        Args:
            terms: what is asked.
            weight: what each counts.
            into: scores to add to, in place.
        """
        scores = np.zeros(self.size, dtype=np.float32) if into is None else into
        found = [posting for posting in map(self._postings.get, sorted(set(terms))) if posting is not None]
        if found:
            adds = np.concatenate([adds for _, adds in found])
            if weight != 1.0:
                adds *= np.float32(weight)
            np.add.at(scores, np.concatenate([where for where, _ in found]), adds)  # term by term, in their order
        return scores


def weighted(fields: Iterable[tuple[Sequence[str], float]]) -> dict[str, float]:
    """Term counts of several fields, each times its weight."""
    counts: dict[str, float] = {}
    for terms, weight in fields:
        for term, count in Counter(terms).items():
            counts[term] = counts.get(term, 0.0) + count * weight
    return counts
