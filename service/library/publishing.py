"""What changes the published set: files synced, uploads taken in, versions published, documents retired.

Every change is one transaction that also moves the pointer, so that readers see the old set or the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.database import knowledge as rows
from service.database import publishing as writing
from service.database.session import Database
from service.errors import Conflict, NotFound
from service.library.current import Current
from service.library.embed import Embedder
from service.library.rules import LibraryRules
from service.library.snapshot import DEFAULT_SHOP, SHARED
from service.library.submit import Submission, SyncReport, prepare_files, prepare_upload
from service.schemas import Authority, DocumentIngested, DocumentKind

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Publisher:
    """Takes documents in and says which version of each is live.

    Args:
        database: the truth.
        rules: how files are taken in.
        embedder: makes the vectors.
        current: what this process searches; refreshed after every change.
    """

    def __init__(self, database: Database, rules: LibraryRules, embedder: Embedder, current: Current) -> None:
        self._database, self._rules, self._embedder, self._current = database, rules, embedder, current

    @property
    def _pointer(self) -> str:
        return self._current.generation.snapshot.name

    async def sync(self, knowledge_dir: Path) -> SyncReport:
        """Bring the documents of the knowledge folder in: new bytes make a new version, a removed file is retired.

        All of it is published in one flip of the pointer; nothing changed, nothing is written.

        Raises:
            RulebookError: the folder is missing, or a file of it cannot be read; nothing is published then.
        """
        async with self._database.reading() as connection:
            live = await rows.live_digests(connection, "file")
        plan = await asyncio.to_thread(prepare_files, knowledge_dir, live, self._rules, self._embedder)
        if plan.submissions or plan.report.retired:

            async def work(connection: AsyncConnection) -> None:
                which = [(item.document["id"], await self._insert(connection, item)) for item in plan.submissions]
                await writing.retire_documents(connection, plan.report.retired)
                await writing.publish_versions(connection, which)
                await writing.move_pointer(connection)

            await self._database.write(work)
            await self._current.refresh()
        return plan.report

    async def add(
        self,
        name: str,
        data: bytes,
        *,
        kind: DocumentKind,
        title: str | None = None,
        authority: Authority | None = None,
        platform: str | None = None,
        category: str | None = None,
        shop: str = DEFAULT_SHOP,
        effective_from: datetime | None = None,
        effective_to: datetime | None = None,
        note: str | None = None,
        author: str | None = None,
        publish: bool = False,
        document_id: str | None = None,
    ) -> DocumentIngested:
        """Take an uploaded file in, as a new document or as a new version of ``document_id``.

        Raises:
            UnsupportedDocument: cannot be read.
            InvalidRequest: ``empty_document``, or more than the size allowed.
            NotFound: ``document_id`` is not this shop's.
            Conflict: ``file_managed`` — the document is a file of the knowledge folder.
        """
        if document_id is not None:
            await self._owned(document_id, shop)
        labels = {"kind": kind, "title": title, "authority": authority, "platform": platform, "category": category}
        dates = {"effective_from": effective_from, "effective_to": effective_to, "note": note, "author": author}
        item = await asyncio.to_thread(
            prepare_upload, name, data, shop, labels, dates, document_id, self._rules, self._embedder
        )

        async def work(connection: AsyncConnection) -> int:
            number = await self._insert(connection, item)
            if publish:
                await writing.publish_versions(connection, [(item.document["id"], number)])
                await writing.move_pointer(connection)
            return number

        number = await self._written(work, publish)
        return DocumentIngested(
            id=item.document["id"],
            version=number,
            state="published" if publish else "draft",
            chunks=len(item.pieces),
            held=item.held,
            warnings=list(item.version["warnings"]),
        )

    async def publish(self, document_id: str, version: int, shop: str = DEFAULT_SHOP) -> str:
        """Make a version the live one (an older one: a rollback). Returns the new pointer.

        Raises:
            NotFound: no such document or version for this shop.
            Conflict: ``file_managed``.
        """
        await self._owned(document_id, shop)

        async def work(connection: AsyncConnection) -> None:
            if version not in {row["number"] for row in await rows.list_versions(connection, document_id)}:
                raise NotFound("document_not_found", id=f"{document_id}@{version}")
            await writing.publish_versions(connection, [(document_id, version)])
            await writing.move_pointer(connection)

        await self._written(work, True)
        return self._pointer

    async def retire(self, document_id: str, shop: str = DEFAULT_SHOP) -> str:
        """Take an uploaded document out of the published set. Returns the new pointer; errors as in :meth:`publish`."""
        await self._owned(document_id, shop)

        async def work(connection: AsyncConnection) -> None:
            await writing.retire_documents(connection, [document_id])
            await writing.move_pointer(connection)

        await self._written(work, True)
        return self._pointer

    async def documents(self, shop: str = DEFAULT_SHOP) -> Sequence[rows.Row]:
        """Documents this shop sees, with ``newest`` and ``published`` version numbers."""
        async with self._database.reading() as connection:
            return await rows.list_documents(connection, {SHARED, shop})

    async def versions(self, document_id: str, shop: str = DEFAULT_SHOP) -> Sequence[rows.Row]:
        """A document's versions, oldest first.

        Raises:
            NotFound: no such document for this shop.
        """
        async with self._database.reading() as connection:
            found = await rows.find_document(connection, document_id)
            if found is None or found["shop"] not in (SHARED, shop):
                raise NotFound("document_not_found", id=document_id)
            return await rows.list_versions(connection, document_id)

    async def _insert(self, connection: AsyncConnection, item: Submission) -> int:
        return await writing.add_version(
            connection, item.document, item.version, item.pieces, item.blobs, self._embedder.fingerprint
        )

    async def _written(self, work: Callable[[AsyncConnection], Any], published: bool) -> Any:
        result = await self._database.write(work)
        if published:
            await self._current.refresh()
        return result

    async def _owned(self, document_id: str, shop: str) -> None:
        async with self._database.reading() as connection:
            found = await rows.find_document(connection, document_id)
        if found is None or found["shop"] not in (SHARED, shop):
            raise NotFound("document_not_found", id=document_id)
        if found["source"] == "file":
            raise Conflict("file_managed", path=found["path"])
