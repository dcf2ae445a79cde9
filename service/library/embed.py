"""Vectors without a model: hashed character n-grams.

``hash-ngram`` knows letters, not meaning, and is named so. The same text gives the same vector on every machine and
in every release with the same fingerprint.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Protocol

from service.text.normalise import normalise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Vector = NDArray[np.float32]

_RUN = re.compile(r"[0-9a-z]+|[\u3400-\u4dbf\u4e00-\u9fff]+")
_SIZES = {1: 0.3, 2: 1.0, 3: 1.0}
"""Weight by length: single characters say little, and every text has them."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a query points: its vector, or why there is none (a code of ``messages.zh.yaml``).

    A vector of one embedder is never compared with those of another, so it carries the fingerprint.
    """

    vector: Vector | None = None
    fingerprint: str = ""
    reason: str | None = None


OFFLINE = Aim()
"""Of the embedder that needs no endpoint: the snapshot makes the vector itself."""


class Embedder(Protocol):
    """Makes the vectors of passages. A changed ``fingerprint`` means all vectors are to be made anew."""

    name: str
    semantic: bool
    """Whether vectors know meaning; such come from an endpoint and may be missing for a while."""

    @property
    def fingerprint(self) -> str:
        """Of the vectors that may be searched now; empty before there are any."""

    @property
    def dim(self) -> int:
        """Numbers in a vector; 0 before it is known."""

    async def load(self) -> None:
        """Take up what the database knows of this embedder; called before what is published is read."""

    async def ready(self) -> str:
        """The fingerprint vectors are to be made under now.

        Raises:
            EmbeddingError: none can be made, or none that fit those there are.
        """

    async def adopt(self) -> str:
        """The fingerprint for vectors that are made anew, whatever there is.

        Raises:
            EmbeddingError: none can be made.
        """

    async def make(self, texts: Sequence[str], fingerprint: str) -> list[bytes]:
        """Vectors as they are stored, one a text: float32, little-endian, of length 1 (or 0: there is none).

        Raises:
            EmbeddingError: none can be made now.
        """

    async def aim(self, query: str, hide: Callable[[str], str]) -> Aim:
        """The query's vector; never raises, never waits long. ``hide`` masks what leaves; blocking."""


class HashNgram:
    """The offline embedder.

    Args:
        dim: numbers in a vector.
    """

    name = "hash-ngram"
    semantic = False

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.fingerprint = f"hash-ngram-1-{dim}"

    async def load(self) -> None:
        """There is nothing to know."""

    async def ready(self) -> str:
        """Always."""
        return self.fingerprint

    async def adopt(self) -> str:
        """The same."""
        return self.fingerprint

    async def make(self, texts: Sequence[str], fingerprint: str) -> list[bytes]:
        """Made in a thread."""
        return await asyncio.to_thread(to_blobs, self, texts)

    async def aim(self, query: str, hide: Callable[[str], str]) -> Aim:
        """The snapshot does it: it is quicker than asking."""
        return OFFLINE

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One unit row a text; counts are damped, because the tenth 退 says no more than the second."""
        import numpy as np

        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            counts = Counter(_grams(normalise(text).text))
            if not counts:
                continue
            places = np.fromiter(map(_place, counts), dtype=np.int64, count=len(counts))
            weights = map(_weight, map(len, counts), counts.values())
            values = np.sqrt(np.fromiter(weights, dtype=np.float32, count=len(counts)))
            np.add.at(row, (places >> 1) % self.dim, np.where(places & 1, values, -values))
            length = float(np.linalg.norm(row))
            if length:
                row /= length
        return rows


def letters_of(embedder: Embedder) -> HashNgram | None:
    """The embedder, if it makes vectors here and at once."""
    return embedder if isinstance(embedder, HashNgram) else None


def to_blobs(embedder: HashNgram, texts: Sequence[str]) -> list[bytes]:
    """Vectors as they are stored: float32, little-endian."""
    return [row.astype("<f4").tobytes() for row in embedder.embed(texts)] if texts else []


def _grams(text: str) -> list[str]:
    """The n-grams of a text in normal form, run by run and size by size."""
    return [run[i : i + size] for run in _RUN.findall(text) for size in _SIZES for i in range(len(run) - size + 1)]


@lru_cache(maxsize=4096)
def _weight(size: int, times: int) -> float:
    """What a gram found so often weighs: added up, not multiplied, for the same vectors to the last bit as ever."""
    return reduce(add, repeat(_SIZES[size], times))


@lru_cache(maxsize=200_000)
def _place(gram: str) -> int:
    """A gram's hash: the lowest bit is the sign, the rest chooses the column."""
    return zlib.crc32(gram.encode("utf-8"))
