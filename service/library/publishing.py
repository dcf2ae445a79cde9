"""What changes the published set: files synced, uploads taken in, versions published, rolled back, retired, released.

Every change is one transaction that checks, writes and moves the pointer, so that readers see the old set or the new
one, and of two who change the same document at once the second is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING

from service.database import embedders as vectors
from service.database import history as told
from service.database import knowledge as rows
from service.database import publishing as writing
from service.database.publishing import Signed
from service.database.session import Database
from service.errors import Conflict, NotFound, PreconditionFailed, phrase
from service.library.current import Current
from service.library.history import History, date_warnings, found_version, held_of, version_before, visible
from service.library.making import Making
from service.library.resting import Content, lost
from service.library.rules import LibraryRules
from service.library.snapshot import DEFAULT_SHOP
from service.rulebook.cited import CitedRule
from service.schemas import DocumentState

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Work = Callable[["AsyncConnection", rows.Row], Awaitable[bool]]
"""A change of a document whose row is given; False when there was nothing to change."""


class Publisher:
    """Says which version of each document is live.

    Where a method takes ``expected``, those are the revisions of the document the caller has seen (any, if None).

    Args:
        database: the truth.
        rules: how files are taken in.
        making: makes the vectors a version needs before it is live.
        current: what this process searches; refreshed after every change.
    """

    def __init__(self, database: Database, rules: LibraryRules, making: Making, current: Current) -> None:
        self._database, self._rules, self._making, self._current = database, rules, making, current
        self._history = History(database)
        self.cited: tuple[CitedRule, ...] = ()
        """What the rulebook in force rests on; whoever loads a rulebook sets it."""

    async def publish(
        self,
        document_id: str,
        version: int | None = None,
        shop: str = DEFAULT_SHOP,
        *,
        expected: Collection[int] | None = None,
        signed: Signed = writing.UNSIGNED,
    ) -> DocumentState:
        """Make a version the live one; without a number, the newest. One that is live already stays so.

        Raises:
            NotFound: no such document or version for this shop.
            Conflict: ``file_managed``; ``rule_in_use`` when a boundary rests on what the version no longer has.
            PreconditionFailed: somebody else changed the document.
        """

        async def work(connection: AsyncConnection, document: rows.Row) -> bool:
            return await self.flip(connection, document_id, version or document["newest"], signed)

        return await self._arrived(await self.changed(document_id, shop, expected, work), signed)

    async def rollback(
        self,
        document_id: str,
        version: int | None = None,
        shop: str = DEFAULT_SHOP,
        *,
        expected: Collection[int] | None = None,
        signed: Signed = writing.UNSIGNED,
    ) -> DocumentState:
        """Make the version live that was live before, or a named one; a second call goes back one more.

        Raises:
            Conflict: ``nothing_before`` when nothing else was ever live; and as :meth:`publish`.
        """

        async def work(connection: AsyncConnection, document: rows.Row) -> bool:
            number = version or version_before(document_id, await told.list_changes(connection, document_id))
            return await self.flip(connection, document_id, number, signed, "rolled_back")

        state = await self.changed(document_id, shop, expected, work)
        return await self._arrived(state, signed, "rolled_back")

    async def retire(
        self,
        document_id: str,
        shop: str = DEFAULT_SHOP,
        *,
        expected: Collection[int] | None = None,
        signed: Signed = writing.UNSIGNED,
    ) -> DocumentState:
        """Take an uploaded document out of the published set, its drafts too; errors as in :meth:`publish`."""

        async def work(connection: AsyncConnection, document: rows.Row) -> bool:
            if document["state"] == "retired":
                return False
            await self._keep_rules(connection, {document_id: None})
            await writing.retire_documents(connection, [document_id], signed)
            return True

        return await self.changed(document_id, shop, expected, work)

    async def release(
        self,
        document_id: str,
        n: int,
        version: int | None = None,
        shop: str = DEFAULT_SHOP,
        *,
        expected: Collection[int] | None = None,
        signed: Signed = writing.UNSIGNED,
        hold: bool = False,
    ) -> DocumentState:
        """Let a held sentence through, here and wherever another version has it; or, with ``hold``, no longer.

        Args:
            document_id: the document.
            n: which of the version's held sentences, from 1.
            version: the live one, else the newest, if not given.
            shop: whose document it is.
            expected: see the class.
            signed: who, and why.
            hold: take a release back.

        Raises:
            NotFound: no such sentence; and as :meth:`publish`.
        """

        async def work(connection: AsyncConnection, document: rows.Row) -> bool:
            number = version or document["published"] or document["newest"]
            await found_version(connection, document_id, number)
            listed = (await held_of(connection, document_id, number)).held
            if not 1 <= n <= len(listed):
                raise NotFound("held_not_found", id=document_id, version=number, n=n)
            sentence = listed[n - 1]
            if sentence.released is not hold:
                return False
            write = writing.hold_sentence if hold else writing.release_sentence
            await write(connection, document_id, sentence.text, number, signed)
            return True

        return await self.changed(document_id, shop, expected, work)

    async def changed(self, document_id: str, shop: str, expected: Collection[int] | None, work: Work) -> DocumentState:
        """Run ``work`` on a document of this shop in one transaction, move the pointer, and say what it left.

        Raises:
            NotFound: no such document for this shop.
            Conflict: ``file_managed``.
            PreconditionFailed: none of the revisions expected; with what happened since.
        """

        async def whole(connection: AsyncConnection) -> tuple[DocumentState, bool]:
            done = await work(connection, await owned(connection, document_id, shop, expected))
            if done:
                await writing.move_pointer(connection)
            return await state_of(connection, document_id), done

        try:
            state, done = await self._database.write(whole, alone=True)
        except PreconditionFailed as error:
            error.extra = await self._history.since(document_id, expected or ())
            raise
        if done:
            await self._current.refresh()
        return state

    async def flip(
        self, connection: AsyncConnection, document_id: str, number: int, signed: Signed, action: str = "published"
    ) -> bool:
        """Make a version live within a transaction; False when it is, or is queued until it has its vectors.

        The caller moves the pointer, and calls :meth:`arrive` for what is queued.

        Raises:
            NotFound: no such version.
            Conflict: ``rule_in_use``.
        """
        row = await found_version(connection, document_id, number)
        if row["state"] == "published":
            await vectors.queue_version(connection, document_id, 0)  # whoever waits to replace it is not wanted now
            return False
        await self._keep_rules(connection, {document_id: _content(row)})
        if await self._making.lacks(connection, (document_id, number)):
            await vectors.queue_version(connection, document_id, number)
            return False
        await writing.publish_versions(connection, [(document_id, number)], signed, action)
        return True

    async def arrive(self, document_id: str, number: int, signed: Signed, action: str = "published") -> str | None:
        """Make the vectors a queued version lacks, and it live; when that takes too long, the sentence that says so."""
        error = await self._making.version(document_id, number)
        if error is not None:
            return phrase("warning_queued", reason=error.detail)
        await self.publish_queued(document_id, number, signed, action)
        return None

    async def publish_queued(self, document_id: str, number: int, signed: Signed, action: str = "published") -> bool:
        """Publish a version that waited, if it still does and lacks nothing.

        Raises:
            Conflict: ``rule_in_use``: the rulebook changed meanwhile.
        """

        async def work(connection: AsyncConnection) -> bool:
            if not await vectors.is_waiting(connection, document_id, number):
                return False
            if done := await self.flip(connection, document_id, number, signed, action):
                await writing.move_pointer(connection)
            return done

        done = await self._database.write(work, alone=True)
        if done:
            await self._current.refresh()
        return done

    async def _arrived(self, state: DocumentState, signed: Signed, action: str = "published") -> DocumentState:
        if state.queued is None:
            return state
        late = await self.arrive(state.id, state.queued, signed, action)
        async with self._database.reading() as connection:
            now = await state_of(connection, state.id)
        return now if late is None else now.model_copy(update={"warnings": [*now.warnings, late]})

    async def _keep_rules(self, connection: AsyncConnection, after: Mapping[str, Content | None]) -> None:
        gone = await self.losing(connection, after)
        if gone:
            names = sorted({rule.boundary for rule in gone})
            error = Conflict("rule_in_use", rules="、".join(names), document=gone[0].rule)
            error.extra = {"boundaries": names}
            raise error

    async def losing(self, connection: AsyncConnection, after: Mapping[str, Content | None]) -> list[CitedRule]:
        """Citations of the rulebook that hold now and would not with these contents live."""
        before: dict[str, Content | None] = {}
        for name in {rule.document for rule in self.cited} & after.keys():
            document = await told.read_document(connection, name)
            live = document and document["published"]
            before[name] = _content(await found_version(connection, name, live)) if live else None
        return await asyncio.to_thread(lost, self.cited, before, after, self._rules)


async def owned(connection: AsyncConnection, document_id: str, shop: str, expected: Collection[int] | None) -> rows.Row:
    """The row of an uploaded document of this shop that is as the caller saw it; errors as in ``changed``."""
    document = await visible(connection, document_id, shop)
    if document["source"] == "file":
        error = Conflict("file_managed", path=document["path"])
        error.extra = {"path": document["path"]}
        raise error
    if expected is not None and document["revision"] not in expected:
        raise PreconditionFailed(current=document["revision"])
    return document


async def state_of(connection: AsyncConnection, document_id: str) -> DocumentState:
    """What a document is after a change, and the generation that has it so."""
    row = await told.read_document(connection, document_id)
    if row is None:
        raise NotFound("document_not_found", id=document_id)
    pointer = await rows.read_pointer(connection)
    live = row["published"] is not None
    queued = next((number for name, number in await vectors.waiting(connection) if name == document_id), None)
    return DocumentState(
        **{name: row[name] for name in ("id", "state", "published", "newest", "revision")},
        pointer=pointer.name,
        queued=queued,
        warnings=date_warnings(row["effective_from"], row["effective_to"]) if live else [],
    )


def _content(row: rows.Row) -> Content:
    return Content(row["text"], row["labels"]["kind"], row["labels"]["title"])
