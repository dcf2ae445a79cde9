"""One writer, committing in groups.

A desk's drafts, feedback and publications arrive one by one and each wants its row on disk before it answers. With
``synchronous=FULL`` a commit waits for the disk, so everything that is waiting goes into one transaction, each
piece in its own savepoint, and all are answered when the group is committed. What they did goes into the audit trail
at the end of that same transaction, in their order.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from service.acting import Acting, acting
from service.database.entries import Deed, Entry, Told, deeds_of, listen
from service.errors import YouliError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.database.newrows import NewRow

T = TypeVar("T")
Work = Callable[["AsyncConnection"], Awaitable[T]]

TRIES = 4
PAUSE_S = 0.05
"""Before a transaction is run once more; doubled each time, and never the same for two who are in each other's way."""
GROUP = 64
"""Pieces in one transaction at most, so that a burst cannot keep the first ones waiting."""


OWED = 10_000
"""Deeds that wait in memory at most while the database takes nothing; the oldest are lost first."""


class Undone(Exception):
    """A transaction was undone before its commit, and will probably do when it is run once more."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        """What to say when it will not."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    done: asyncio.Future[Any]
    row: NewRow | None
    told: Callable[[Any], Sequence[Entry]] | None
    who: Acting
    deeds: Sequence[Deed]
    """What it does, as far as that is known before."""
    done_deeds: Sequence[Deed] = ()
    """What else it has done: found out anew where it is run once more."""

    async def run(self, connection: AsyncConnection) -> Any:
        """Do the work, and find out what is to be told of it."""
        told = listen(connection)
        value = await self.work(connection)
        self.done_deeds = deeds_of([*told, *(self.told(value) if self.told else ())], self.who)
        return value

    @property
    def all_deeds(self) -> list[Deed]:
        """What it does, known before or found out when it was run last."""
        return [*self.deeds, *self.done_deeds]


class Writer:
    """The only one who writes through this process's database handle.

    Args:
        transaction: opens a write transaction, commits at its end, raises errors of ``service.errors``.
        append: adds deeds to the audit trail, in such a transaction and at its end.
        put_down: writes rows and deeds, all or none; False where that is not to be had and each piece is to be run by
            itself.
        transient: tells of an error that undid a whole transaction whether the same again would do; none does if not
            given.
    """

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[AsyncConnection]],
        append: Callable[[AsyncConnection, Sequence[Deed]], Awaitable[None]],
        put_down: Callable[[Sequence[NewRow], Sequence[Deed]], Awaitable[bool]] | None = None,
        transient: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self._transaction, self._append, self._put_down = transaction, append, put_down
        self._transient = transient or (lambda _error: False)
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._owed: deque[Deed] = deque(maxlen=OWED)
        self.trouble: str | None = None
        """Why the last group could not be committed (a code); None once one was."""

    @property
    def waiting(self) -> int:
        """Pieces that wait for their turn."""
        return self._queue.qsize()

    async def submit(self, work: Work[T], told: Told[T] = (), row: NewRow | None = None) -> T:
        """Run ``work`` in the next group; returns its result once that group is on disk.

        Args:
            work: what is to be written.
            told: what it does, for the audit trail; who acts is whoever acts here and now.
            row: the row that is all ``work`` writes, where it is no more than that; a group of such takes a short way.

        Raises:
            YouliError: the group could not be committed; nothing of it was written.
            Exception: whatever ``work`` raised; the rest of its group is written all the same.
        """
        job = _job(work, told, row)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="database-writer")
        self._queue.put_nowait(job)
        return cast(T, await job.done)

    async def alone(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work of its own transactions while no group is being written; what comes meanwhile waits."""
        async with self._turn:
            return await work()

    def owe(self, deeds: Sequence[Deed]) -> None:
        """Write deeds with the next group that can be written: of those of which nothing else is to be written."""
        self._owed.extend(deeds)

    async def by_itself(self, work: Work[T], told: Told[T] = ()) -> T:
        """Run ``work`` in a transaction of its own, beside the groups: it may wait for other processes, they may not.

        Raises:
            YouliError, Exception: as :meth:`submit`.
        """
        job = _job(work, told)

        async def once() -> T:
            async with self._transaction() as connection:
                value = await job.run(connection)
                await self._append(connection, job.all_deeds)
                return cast(T, value)

        return await self._persisted(once)

    async def _persisted(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run a whole transaction, again if a server undid it for another's sake or was away for a moment.

        What failed at its commit may be on disk all the same, and is not run again: rows have ids of their own, so
        that whoever tries once more finds them.
        """
        for tried in range(TRIES):
            try:
                return await attempt()
            except Undone as undone:
                if tried == TRIES - 1:
                    raise undone.error from undone.error.__cause__
                await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE_S * 2**tried)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Write what is waiting, then stop."""
        if self._owed:
            with suppress(YouliError):
                await self.submit(_nothing)
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
                async with self._turn:
                    await self._commit([job for job in group if not job.done.done()])
            finally:
                for _ in group:
                    self._queue.task_done()

    async def _commit(self, group: list[_Job]) -> None:
        results: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            if await self._rows_only(group):
                results = [(job, None, None) for job in group]
            else:
                results = await self._persisted(lambda: self._pieces(group))
            self.trouble = None
        except Exception as error:
            results = [(job, None, error) for job in group]
            if isinstance(error, YouliError):
                self.trouble = error.code
        for job, value, failure in results:
            if job.done.done():
                continue
            if failure is None:
                job.done.set_result(value)
            else:
                job.done.set_exception(failure)

    async def _rows_only(self, group: list[_Job]) -> bool:
        rows = [job.row for job in group if job.row is not None]
        if not rows or len(rows) != len(group) or self._put_down is None:
            return False
        owed = list(self._owed)
        done = await self._put_down(rows, [*owed, *(deed for job in group for deed in job.deeds)])
        if done:
            self._paid(owed)
        return done

    def _paid(self, owed: Sequence[Deed]) -> None:
        for _ in owed:
            self._owed.popleft()

    async def _pieces(self, group: list[_Job]) -> list[tuple[_Job, Any, BaseException | None]]:
        """Run each piece; one by itself needs no savepoint, for what it wrote goes with the transaction."""
        results: list[tuple[_Job, Any, BaseException | None]] = []
        async with self._transaction() as connection:
            if len(group) == 1:
                results = [(group[0], await group[0].run(connection), None)]
            else:
                results = [(job, *await self._attempt(connection, job.run)) for job in group]
            owed = list(self._owed)
            deeds = [deed for job, _, failure in results if failure is None for deed in job.all_deeds]
            await self._append(connection, [*owed, *deeds])
        self._paid(owed)
        return results

    async def _attempt(self, connection: AsyncConnection, work: Work[Any]) -> tuple[Any, Exception | None]:
        """Run a piece in its own savepoint; its result, or why it failed.

        Raises:
            Exception: the piece's error, when it took the whole transaction with it (disk full, connection lost),
                or when the whole of it is to be run once more.
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
            if self._transient(error):
                raise
            return None, error


def _job(work: Work[Any], told: Told[Any], row: NewRow | None = None) -> _Job:
    who, done = acting(), asyncio.get_running_loop().create_future()
    if callable(told):
        return _Job(work, done, row, told, who, [])
    return _Job(work, done, row, None, who, deeds_of(told, who))


async def _nothing(connection: AsyncConnection) -> None:
    """A group of its own for what is owed."""
