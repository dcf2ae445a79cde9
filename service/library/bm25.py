"""BM25 with the weights worked out beforehand: a query adds up arrays.

For each term the index holds the passages it occurs in and what it adds to each one's score, so a search over
thousands of passages is a few dozen array additions.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
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
    """

    def __init__(self, counts: Sequence[Mapping[str, float]], k1: float, b: float) -> None:
        self.size = len(counts)
        lengths = np.array([sum(c.values()) for c in counts], dtype=np.float32)
        mean = float(lengths.mean()) if self.size and lengths.sum() else 1.0
        norms = k1 * (1 - b + b * lengths / mean)
        found: defaultdict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for index, terms in enumerate(counts):
            for term, count in terms.items():
                ids, values = found[term]
                ids.append(index)
                values.append(count)
        self._postings: dict[str, tuple[NDArray[np.int32], Scores]] = {}
        for term, (ids, values) in found.items():
            where = np.array(ids, dtype=np.int32)
            often = np.array(values, dtype=np.float32)
            idf = math.log(1 + (self.size - len(ids) + 0.5) / (len(ids) + 0.5))
            self._postings[term] = (where, (idf * often * (k1 + 1) / (often + norms[where])).astype(np.float32))

    def score(self, terms: Iterable[str]) -> Scores:
        """The score of every passage; a term counts once, however often it is asked."""
        scores = np.zeros(self.size, dtype=np.float32)
        for term in set(terms):
            posting = self._postings.get(term)
            if posting is not None:
                scores[posting[0]] += posting[1]
        return scores


def weighted(fields: Iterable[tuple[Sequence[str], float]]) -> dict[str, float]:
    """Term counts of several fields, each times its weight."""
    counts: dict[str, float] = {}
    for terms, weight in fields:
        for term, count in Counter(terms).items():
            counts[term] = counts.get(term, 0.0) + count * weight
    return counts
