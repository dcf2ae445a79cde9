"""Vectors that know meaning, from an endpoint, and the care they need.

The library holds the vectors of one model. Which one is known by what it made of fixed texts (``embed.probes`` in
``search.yaml``), kept beside the vectors: an endpoint that makes something else of them is another model, whatever name
and length it has, and its vectors are not mixed with those there are. Nothing leaves for the endpoint unmasked.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from service.database import embedders as rows
from service.database.knowledge import Row
from service.database.session import Database
from service.errors import EmbeddingError
from service.library.breaker import Breaker
from service.library.embed import Aim
from service.text.private import Masker

if TYPE_CHECKING:
    from service.library.embed import Matrix, Vector
    from service.llm_embed import EmbeddingClient

QUERY_DEADLINE_S = 1.2
"""For a query's vector. A draft has eight seconds and the model wants most of them; a sound endpoint takes 0.1–0.4."""
PROBE_DEADLINE_S = 10.0
MAKE_DEADLINE_S = 60.0
"""For one slice of a document's passages (see ``filling.SLICE``): nobody waits for these but the document itself."""
SAME = 0.99
"""Cosine from which a vector counts as made by the same model; repeated calls differ by less than 0.0001."""
QUERIES_KEPT = 1_000


class Semantic:
    """An :class:`~service.library.embed.Embedder` over an endpoint. One per process.

    Args:
        client: asks the endpoint.
        database: keeps the vectors and what the model is known by.
        probes: fixed texts a model is known by.
    """

    semantic = True

    def __init__(self, client: EmbeddingClient, database: Database, probes: Sequence[str]) -> None:
        self.name = client.model
        self._client, self._database, self._probes = client, database, list(probes)
        self._row: Row | None = None
        self._dims: dict[str, int] = {}
        self._verdict: Literal["unknown", "same", "changed"] = "unknown"
        self._breaker = Breaker()
        self._asking = asyncio.Lock()
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self.reason: str | None = None
        """Why the last query or slice got no vectors; None after one that did."""

    @property
    def fingerprint(self) -> str:
        """Of the vectors that may be searched; empty before there are any."""
        return str(self._row["fingerprint"]) if self._row is not None else ""

    @property
    def dim(self) -> int:
        """Numbers in a vector; 0 before it is known."""
        return int(self._row["dim"]) if self._row is not None else 0

    @property
    def changed(self) -> bool:
        """Whether the endpoint is known to be another than the one whose vectors there are."""
        return self._verdict == "changed"

    async def load(self) -> None:
        """Take up whose vectors the library holds."""
        async with self._database.reading() as connection:
            row = await rows.active_embedder(connection)
        if row is None or row["fingerprint"] == self.fingerprint:
            return
        self._row = row
        self._kept.clear()
        same = row["model"] == self.name
        self._verdict, self.reason = ("unknown", None) if same else ("changed", "embedding_changed")

    async def ready(self, deadline: float = PROBE_DEADLINE_S) -> str:
        """The fingerprint vectors are to be made under; asks the endpoint once in a while who it is.

        Raises:
            EmbeddingError: ``embedding_changed``, or the endpoint's failure.
        """
        async with self._asking:
            if self._row is None:
                await self.load()  # a process that does not search has not asked yet
            if self._row is None:
                await self._remember(deadline)
                await self.load()
            assert self._row is not None
            if self._verdict == "unknown":
                self._verdict = "same" if await self._same(self._row, deadline) else "changed"
            if self._verdict == "changed":
                self.reason = "embedding_changed"
                raise EmbeddingError("embedding_changed")
            self._dims[self.fingerprint] = self.dim
            return self.fingerprint

    async def adopt(self) -> str:
        """The fingerprint for vectors of the endpoint as it is now, one that is known or a new one.

        Raises:
            EmbeddingError: the endpoint's failure.
        """
        async with self._asking:
            async with self._database.reading() as connection:
                known = await rows.known_embedders(connection, self.name)
            for row in known:
                if await self._same(row, PROBE_DEADLINE_S):
                    found = row
                    break
            else:
                found = await self._remember(PROBE_DEADLINE_S)
            fingerprint = str(found["fingerprint"])
            self._dims[fingerprint] = int(found["dim"])
            if fingerprint == self.fingerprint:
                self._verdict = "same"
            return fingerprint

    async def make(self, texts: Sequence[str], fingerprint: str) -> list[bytes]:
        """Vectors of passages under a fingerprint told by :meth:`ready` or :meth:`adopt`.

        A passage the endpoint's filter refuses gets a vector of zeros: it is found by its words only.

        Raises:
            EmbeddingError: the endpoint's failure, or vectors of another length.
        """
        dim = self._dims[fingerprint]
        masked = await asyncio.to_thread(lambda: [masked_text(text) for text in texts])
        wanted = list(range(len(texts)))
        while True:
            try:
                made = await self._client.embed([masked[place] for place in wanted], MAKE_DEADLINE_S)
                break
            except EmbeddingError as error:
                if "text" not in error.parameters:
                    self.reason = error.code
                    raise
                del wanted[error.parameters["text"]]
        self._fits(made, dim)
        blobs = [bytes(4 * dim)] * len(texts)
        for place, row in zip(wanted, made, strict=True):
            blobs[place] = row.astype("<f4").tobytes()
        self.reason = None
        return blobs

    async def aim(self, query: str, hide: Callable[[str], str]) -> Aim:
        """The query's vector within :data:`QUERY_DEADLINE_S`, or the code that says why there is none."""
        if self._row is None:
            return Aim(reason="embedding_pending")
        if self.changed:
            return Aim(reason="embedding_changed")
        text = (await asyncio.to_thread(hide, query)).strip()
        if not text:
            return Aim(fingerprint=self.fingerprint)
        if (kept := self._kept.get(text)) is not None:
            self._kept.move_to_end(text)
            return Aim(kept, self.fingerprint)
        if not self._breaker.allows():
            return Aim(reason=self.reason or "embedding_unavailable")
        await self._client.open()
        try:
            async with asyncio.timeout(QUERY_DEADLINE_S):
                aim = await self._asked(text)
        except TimeoutError:
            return self._missed(EmbeddingError("embedding_timeout"))
        except EmbeddingError as error:
            return self._missed(error)
        self._breaker.answered()
        self.reason = None
        return aim

    async def _asked(self, text: str) -> Aim:
        fingerprint = await self.ready(QUERY_DEADLINE_S)
        made = await self._client.embed([text], QUERY_DEADLINE_S)
        self._fits(made, self.dim)
        self._kept[text] = made[0]
        if len(self._kept) > QUERIES_KEPT:
            self._kept.popitem(last=False)
        return Aim(made[0], fingerprint)

    def _missed(self, error: EmbeddingError) -> Aim:
        """A text refused for its content is no outage; after one, who answers is asked anew."""
        if error.code not in ("embedding_refused", "embedding_changed"):
            self._breaker.failed(error.parameters.get("wait", 0.0))
            self._verdict = "unknown"
        if error.code != "embedding_refused":
            self.reason = error.code
        return Aim(reason=error.code)

    def _fits(self, made: Matrix, dim: int) -> None:
        if len(made) and made.shape[1] != dim:
            self._verdict, self.reason = "changed", "embedding_changed"
            raise EmbeddingError("embedding_changed")

    async def _same(self, row: Row, deadline: float) -> bool:
        """Whether the endpoint makes of a known embedder's texts what that one made of them."""
        made = await self._client.embed(row["texts"], deadline)
        if made.shape[1] != row["dim"]:
            return False
        known = np.frombuffer(row["vectors"], dtype="<f4").reshape(made.shape)
        return bool((np.einsum("ij,ij->i", known, made) >= SAME).all())

    async def _remember(self, deadline: float) -> Row:
        made = await self._client.embed(self._probes, deadline)
        blob = made.astype("<f4").tobytes()
        fingerprint = f"{self.name[:70]}-{made.shape[1]}-{hashlib.sha256(blob).hexdigest()[:12]}"
        row = {"model": self.name, "dim": made.shape[1], "texts": self._probes, "vectors": blob}
        row["fingerprint"] = fingerprint
        await self._database.write(partial(rows.keep_embedder, row=row), alone=True)
        return row


def masked_text(text: str) -> str:
    """The text as it may leave."""
    return Masker().mask(text).masked
