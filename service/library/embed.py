"""Vectors without a model: hashed character n-grams.

``hash-ngram`` knows letters, not meaning, and is named so. The same text gives the same vector on every machine and
in every release with the same fingerprint.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from service.text.normalise import normalise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_RUN = re.compile(r"[0-9a-z]+|[\u3400-\u4dbf\u4e00-\u9fff]+")
_SIZES = {1: 0.3, 2: 1.0, 3: 1.0}
"""Weight by length: single characters say little, and every text has them."""


class Embedder(Protocol):
    """Turns texts into unit vectors. A changed ``fingerprint`` means all vectors are to be made anew."""

    name: str
    fingerprint: str
    dim: int

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row a text, length 1 (or 0 for a text without letters)."""
        ...


class HashNgram:
    """The offline embedder.

    Args:
        dim: numbers in a vector.
    """

    name = "hash-ngram"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.fingerprint = f"hash-ngram-1-{dim}"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One unit row a text; counts are damped, because the tenth 退 says no more than the second."""
        import numpy as np

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            counts: dict[str, float] = {}
            for run in _RUN.findall(normalise(text).text):
                for size, weight in _SIZES.items():
                    for i in range(len(run) - size + 1):
                        gram = run[i : i + size]
                        counts[gram] = counts.get(gram, 0.0) + weight
            if not counts:
                continue
            places = np.fromiter((_place(gram) for gram in counts), dtype=np.int64, count=len(counts))
            values = np.sqrt(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))
            np.add.at(row, (places >> 1) % self.dim, np.where(places & 1, values, -values))
            length = float(np.linalg.norm(row))
            if length:
                row /= length
        return rows


@lru_cache(maxsize=200_000)
def _place(gram: str) -> int:
    """A gram's hash: the lowest bit is the sign, the rest chooses the column."""
    return zlib.crc32(gram.encode("utf-8"))
