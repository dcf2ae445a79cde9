"""One writer, committing in groups.

A desk's drafts, feedback and publications arrive one by one and each wants its row on disk before it answers. With
``synchronous=FULL`` a commit waits for the disk, so everything that is waiting goes into one transaction, each
piece in its own savepoint, and all are answered when the group is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Work = Callable[["AsyncConnection"], Awaitable[T]]

GROUP = 64
"""Pieces in one transaction at most, so that a burst cannot keep the first ones waiting."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    done: asyncio.Future[Any]


class Writer:
    """The only one who writes through this process's database handle.

    Args:
        transaction: opens a write transaction, commits at its end, raises errors of ``service.errors``.
    """

    def __init__(self, transaction: Callable[[], AbstractAsyncContextManager[AsyncConnection]]) -> None:
        self._transaction = transaction
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, work: Work[T]) -> T:
        """Run ``work`` in the next group; returns its result once that group is on disk.

        Raises:
            YouliError: the group could not be committed; nothing of it was written.
            Exception: whatever ``work`` raised; the rest of its group is written all the same.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="database-writer")
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        return cast(T, await job.done)

    async def close(self) -> None:
        """Write what is waiting, then stop."""
        if self._task is None:
            return
        await self._queue.join()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                await self._commit([job for job in group if not job.done.done()])
            finally:
                for _ in group:
                    self._queue.task_done()

    async def _commit(self, group: list[_Job]) -> None:
        results: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            async with self._transaction() as connection:
                for job in group:
                    results.append((job, *await _attempt(connection, job.work)))
        except Exception as error:
            results = [(job, None, error) for job in group]
        for job, value, failure in results:
            if job.done.done():
                continue
            if failure is None:
                job.done.set_result(value)
            else:
                job.done.set_exception(failure)


async def _attempt(connection: AsyncConnection, work: Work[Any]) -> tuple[Any, Exception | None]:
    """Run a piece in its own savepoint; its result, or why it failed.

    Raises:
        Exception: the piece's error, when it took the whole transaction with it (disk full, connection lost).
    """
    savepoint = await connection.begin_nested()
    try:
        value = await work(connection)
        await savepoint.commit()
        return value, None
    except Exception as error:
        try:
            await savepoint.rollback()
        except Exception:
            raise error from None
        return None, error
