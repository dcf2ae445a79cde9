"""Working off what lacks vectors, and publishing what waited for them; alone, however long the endpoint is down.

A file of the knowledge folder is published at once, whole, and found by its words until its vectors are there:
boundaries cite it, and a service that starts with its endpoint down must still know the law. An upload is published
once all of its vectors are there: nobody cites it yet, and what it replaces goes on being found as before. Either way
a document is seen whole or not at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from service.database import embedders as rows
from service.database import publishing as writing
from service.database.session import Database
from service.errors import Conflict, EmbeddingError, YouliError
from service.library.current import Current
from service.library.examine import Progress
from service.library.making import Making
from service.library.publishing import Publisher

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LOOK_S = 2.0
"""Between two looks for work."""
LONGEST_S = 30.0
"""Between two looks while the endpoint fails."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Filled:
    """What a round did: vectors made, versions published, passages still without one, and why (a code)."""

    made: int
    published: int
    left: int
    reason: str | None = None


class Filler:
    """The rounds of one process.

    Args:
        database: knows what is missing.
        making: makes it.
        publisher: publishes what waited.
        current: what this process searches; refreshed when there is more to find.
    """

    def __init__(self, database: Database, making: Making, publisher: Publisher, current: Current) -> None:
        self._database, self._making, self._publisher, self._current = database, making, publisher, current
        self._embedder = making.embedder
        self._round = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.waiting = 0
        """Versions that waited for their vectors at the last look."""

    def start(self) -> None:
        """Begin to look for work in the background; returns at once."""
        self._task = asyncio.create_task(self._run(), name="vectors-filling")

    async def close(self) -> None:
        """Stop; what was written stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def once(self, progress: Progress | None = None) -> Filled:
        """Make what is missing, then publish what waited for it; an endpoint that fails is told, not raised."""
        async with self._round:
            made, reason, fingerprint = 0, None, self._embedder.fingerprint
            try:
                fingerprint = await self._embedder.ready()
                async for count in self._making.slices(fingerprint, progress=progress):
                    made += count
            except EmbeddingError as error:
                reason = error.code
            if made:
                await self._database.write(
                    writing.move_pointer, alone=True
                )  # other processes look at the pointer alone
            published = await self._publish_ready()
            async with self._database.reading() as connection:
                left = await rows.count_lacking(connection, fingerprint)
                self.waiting = len(await rows.waiting(connection))
            if made or left < self._current.generation.snapshot.lacking:
                await self._current.refresh()
            return Filled(made, published, left, reason)

    async def rebuild(self, progress: Progress | None = None) -> Filled:
        """Make all vectors anew with the model as it is now; those there are stay in use until all are made.

        Raises:
            EmbeddingError: the endpoint failed; what was made is kept, the next call goes on from there.
        """
        if not self._embedder.semantic:  # the same letters give the same vectors: there is nothing to make anew
            return await self.once(progress)
        made = 0
        async with self._round:
            fingerprint = await self._embedder.adopt()
            async for count in self._making.slices(fingerprint, progress=progress):
                made += count

            async def work(connection: AsyncConnection) -> None:
                await rows.use_embedder(connection, fingerprint)
                await writing.move_pointer(connection)

            if fingerprint != self._embedder.fingerprint or made:
                await self._database.write(work, alone=True)
                await self._current.refresh()
        done = await self.once()
        return Filled(made + done.made, done.published, done.left, done.reason)

    async def _publish_ready(self) -> int:
        async with self._database.reading() as connection:
            waiting = await rows.waiting(connection)
            signs = {version: await rows.signed(connection, *version) for version in waiting}
        published = 0
        for version in waiting:
            try:
                published += await self._publisher.publish_queued(*version, signs[version])
            except Conflict as error:  # a boundary came to rest on what it would take away: a person must look
                _log.warning("queued_version_dropped", document=version[0], version=version[1], reason=error.code)
                await self._database.write(partial(rows.queue_version, document_id=version[0], number=0), alone=True)
        return published

    async def _run(self) -> None:
        failures, told = 0, None
        while True:
            try:
                reason = await self._look()
            except YouliError as error:
                reason = error.code
            except Exception as error:  # a bug of ours must not stop for ever what waits
                reason = type(error).__name__
            if reason != told:
                _log.warning("vectors_missing", reason=reason) if reason else _log.info("vectors_complete")
                told = reason
            failures = failures + 1 if reason else 0
            await asyncio.sleep(min(LOOK_S * 2**failures, LONGEST_S))

    async def _look(self) -> str | None:
        if not await self._database.duties.mine("vectors"):
            return None
        if not self._current.generation.snapshot.lacking:
            async with self._database.reading() as connection:
                self.waiting = len(await rows.waiting(connection))
            if not self.waiting:
                return None
        return (await self.once()).reason
