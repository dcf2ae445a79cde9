"""The library's door: documents in by file or upload, passages out of the published generation.

The database is the truth. ``search`` and ``document`` read one immutable snapshot, swapped whole when the published
pointer moves, whoever moved it. Chroma is projected behind the search and may be missing at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from service.database import knowledge as rows
from service.database.session import Database
from service.errors import Conflict, NotFound
from service.library.current import Current
from service.library.embed import Embedder, HashNgram
from service.library.live import LiveDocument
from service.library.projector import Projector
from service.library.rules import LibraryRules, load_rules
from service.library.snapshot import DEFAULT_SHOP, SHARED, Snapshot
from service.library.submit import Submission, SyncReport, prepare_files, prepare_upload
from service.rulebook.thesaurus import Thesaurus
from service.schemas import Authority, DocumentIngested, DocumentKind, Passage, SearchRequest
from service.settings import Settings, prepare_data_dir
from service.vectors import OwnerLock, VectorIndex, own_data_dir

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
_RULES_FOLDER = "library"


class Library:
    """Documents and the search over them. Made by :meth:`open`."""

    def __init__(
        self,
        database: Database,
        rules: LibraryRules,
        thesaurus: Thesaurus,
        lock: OwnerLock | None,
        index: VectorIndex | None,
    ) -> None:
        self.database = database
        self.rules = rules
        self._lock, self._index = lock, index
        self._embedder: Embedder = HashNgram(rules.tuning.embed.dim)
        self._current = Current(database, rules, thesaurus, self._embedder)
        self._projector: Projector | None = None

    @classmethod
    async def open(cls, settings: Settings, thesaurus: Thesaurus, *, owner: bool = False) -> Library:
        """Open the data folder and load what is published.

        Args:
            settings: where data and knowledge lie.
            thesaurus: widens queries.
            owner: whether this process serves: it takes the folder's lock, runs Chroma and follows the pointer. Others
                (the shell) read, write and search exactly.

        Raises:
            EnvironmentProblem: the folder or the database cannot be used, or another process serves from it.
            RulebookError: a file of ``knowledge/library`` is broken.
        """
        folder = prepare_data_dir(settings)
        rules = load_rules(settings.knowledge_dir / _RULES_FOLDER)
        lock = own_data_dir(folder) if owner else None
        database: Database | None = None
        try:
            database = await Database.open(settings.database)
            index = VectorIndex(folder, settings.chroma_url) if owner else None
            library = cls(database, rules, thesaurus, lock, index)
            await library._current.refresh()
        except BaseException:
            if database is not None:
                await database.close()
            if lock is not None:
                lock.close()
            raise
        if index is not None:
            library._projector = Projector(index, lambda: library.snapshot, library._current.follow)
            library._projector.start()
        return library

    async def close(self) -> None:
        """Stop following, close Chroma, write what waits, close the database, let go of the folder."""
        if self._projector is not None:
            await self._projector.close()
        await self.database.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def snapshot(self) -> Snapshot:
        """What is searched now."""
        return self._current.generation.snapshot

    @property
    def knowledge_pointer(self) -> str:
        """The name of the published generation that is searched now."""
        return self.snapshot.name

    def search(self, request: SearchRequest) -> list[Passage]:
        """Passages of the published generation, best first; in memory, a few milliseconds at most."""
        snapshot = self.snapshot
        index = self._index if self._index is not None and self._index.name == snapshot.name else None
        return snapshot.search(request, index.query if index is not None else None)

    def document(self, document_id: str, shop: str) -> LiveDocument | None:
        """A published document by id, if it holds for this shop."""
        return self._current.generation.document(document_id, shop, self.rules)

    def health(self) -> dict[str, Any]:
        """What is published, which embedder, and how Chroma is."""
        snapshot = self.snapshot
        chroma = {"state": "off", "generation": None, "problem": None}
        if self._index is not None:
            chroma = {"state": self._index.state, "generation": self._index.name, "problem": self._index.problem}
        return {
            "pointer": snapshot.name,
            "documents": len(snapshot.documents),
            "chunks": len(snapshot.chunks),
            "held": sum(chunk.held for chunk in snapshot.chunks),
            "embedder": self._embedder.name,
            "fingerprint": self._embedder.fingerprint,
            "chroma": chroma,
        }

    async def sync(self, knowledge_dir: Path) -> SyncReport:
        """Bring the documents of the knowledge folder in: new bytes make a new version, a removed file is retired.

        All of it is published in one flip of the pointer; nothing changed, nothing is written.

        Raises:
            RulebookError: the folder is missing, or a file of it cannot be read; nothing is published then.
        """
        async with self.database.reading() as connection:
            live = await rows.live_digests(connection, "file")
        plan = await asyncio.to_thread(prepare_files, knowledge_dir, live, self.rules, self._embedder)
        if plan.submissions or plan.report.retired:

            async def work(connection: AsyncConnection) -> None:
                which = [(item.document["id"], await self._insert(connection, item)) for item in plan.submissions]
                await rows.retire_documents(connection, plan.report.retired)
                await rows.publish_versions(connection, which)
                await rows.move_pointer(connection)

            await self.database.write(work)
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
            prepare_upload, name, data, shop, labels, dates, document_id, self.rules, self._embedder
        )

        async def work(connection: AsyncConnection) -> int:
            number = await self._insert(connection, item)
            if publish:
                await rows.publish_versions(connection, [(item.document["id"], number)])
                await rows.move_pointer(connection)
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
            await rows.publish_versions(connection, [(document_id, version)])
            await rows.move_pointer(connection)

        await self._written(work, True)
        return self.knowledge_pointer

    async def retire(self, document_id: str, shop: str = DEFAULT_SHOP) -> str:
        """Take an uploaded document out of the published set. Returns the new pointer; errors as in :meth:`publish`."""
        await self._owned(document_id, shop)

        async def work(connection: AsyncConnection) -> None:
            await rows.retire_documents(connection, [document_id])
            await rows.move_pointer(connection)

        await self._written(work, True)
        return self.knowledge_pointer

    async def documents(self, shop: str = DEFAULT_SHOP) -> Sequence[rows.Row]:
        """Documents this shop sees, with ``newest`` and ``published`` version numbers."""
        async with self.database.reading() as connection:
            return await rows.list_documents(connection, {SHARED, shop})

    async def versions(self, document_id: str, shop: str = DEFAULT_SHOP) -> Sequence[rows.Row]:
        """A document's versions, oldest first.

        Raises:
            NotFound: no such document for this shop.
        """
        async with self.database.reading() as connection:
            found = await rows.find_document(connection, document_id)
            if found is None or found["shop"] not in (SHARED, shop):
                raise NotFound("document_not_found", id=document_id)
            return await rows.list_versions(connection, document_id)

    async def _insert(self, connection: AsyncConnection, item: Submission) -> int:
        return await rows.add_version(
            connection, item.document, item.version, item.pieces, item.blobs, self._embedder.fingerprint
        )

    async def _written(self, work: Callable[[AsyncConnection], Any], published: bool) -> Any:
        result = await self.database.write(work)
        if published:
            await self._current.refresh()
        return result

    async def _owned(self, document_id: str, shop: str) -> None:
        async with self.database.reading() as connection:
            found = await rows.find_document(connection, document_id)
        if found is None or found["shop"] not in (SHARED, shop):
            raise NotFound("document_not_found", id=document_id)
        if found["source"] == "file":
            raise Conflict("file_managed", path=found["path"])
