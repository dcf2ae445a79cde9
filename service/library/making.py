"""Making the vectors that are missing, slice by slice, each on disk before the next is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from service.database import embedders as rows
from service.database.session import Database
from service.errors import EmbeddingError
from service.library.embed import Embedder
from service.library.examine import Progress

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

SLICE = 100
"""Passages embedded and written together: what was paid for is kept when the next ones fail."""
UPLOAD_DEADLINE_S = 20.0
"""How long an upload waits for its vectors before it is answered; what is missing then is made behind it."""


class Making:
    """Makes vectors and keeps them.

    Args:
        database: knows what is missing.
        embedder: makes it.
    """

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database, self.embedder = database, embedder

    async def lacks(self, connection: AsyncConnection, version: rows.Version) -> bool:
        """Whether a version must wait: hashed vectors are made with the snapshot, an endpoint's before it is live."""
        if not self.embedder.semantic:
            return False
        fingerprint = self.embedder.fingerprint
        return not fingerprint or await rows.count_lacking(connection, fingerprint, version) > 0

    async def version(self, document_id: str, number: int) -> EmbeddingError | None:
        """Make what one version lacks, while somebody waits; why not, if not."""
        try:
            async with asyncio.timeout(UPLOAD_DEADLINE_S):
                fingerprint = await self.embedder.ready()
                async for _ in self.slices(fingerprint, (document_id, number)):
                    pass
        except EmbeddingError as error:
            return error
        except TimeoutError:
            return EmbeddingError("embedding_timeout")
        return None

    async def slices(
        self, fingerprint: str, only: rows.Version | None = None, progress: Progress | None = None
    ) -> AsyncIterator[int]:
        """Make and write slice after slice until nothing is missing; yields how many each held.

        Raises:
            EmbeddingError: the endpoint failed; the slices before are kept.
        """
        async with self._database.reading() as connection:
            total = await rows.count_lacking(connection, fingerprint, only) if progress else 0
        done = 0
        while True:
            async with self._database.reading() as connection:
                pieces = await rows.lacking(connection, fingerprint, SLICE, only)
            if not pieces:
                return
            blobs = await self.embedder.make([piece["indexed_text"] for piece in pieces], fingerprint)
            write = partial(rows.add_lacking, fingerprint=fingerprint, pieces=pieces, blobs=blobs)
            await self._database.write(write)
            done += len(pieces)
            if progress:
                progress(done, max(done, total), "")
            yield len(pieces)
