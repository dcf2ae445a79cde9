"""Uploads: a file in, as a new document or a new version; the same content twice is told, not kept twice."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.database import history as told
from service.database import publishing as writing
from service.database.embedders import is_waiting
from service.database.knowledge import Row
from service.database.publishing import Signed
from service.database.session import Database
from service.database.taking import add_version, seal_of
from service.errors import InvalidRequest, PreconditionFailed, phrase
from service.library.current import Current
from service.library.embed import Embedder, letters_of
from service.library.history import History, date_warnings, found_version
from service.library.publishing import Publisher, owned
from service.library.rules import LibraryRules
from service.library.snapshot import DEFAULT_SHOP
from service.library.submit import DATES, Submission, prepare_upload
from service.schemas import Authority, DocumentIngested, DocumentKind

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_LABELS = ("kind", "title", "authority", "platform", "category", "questions")


class Uploads:
    """Takes files in.

    Args:
        publisher: makes versions live.
        database: the truth.
        rules: how files are taken in.
        embedder: makes the vectors.
        current: what this process searches; refreshed after a publication.
    """

    def __init__(
        self, publisher: Publisher, database: Database, rules: LibraryRules, embedder: Embedder, current: Current
    ) -> None:
        self._publisher, self._database, self._rules = publisher, database, rules
        self._embedder, self._current = embedder, current
        self._history = History(database)

    async def add(
        self,
        name: str,
        data: bytes,
        *,
        kind: DocumentKind | None = None,
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
        expected: Collection[int] | None = None,
    ) -> DocumentIngested:
        """Take an uploaded file in, as a new document or as a new version of ``document_id``.

        What the caller gives goes before what the file says of itself, and that before the version before. Content
        that is there already, with the same labels and dates, is not taken in again: the answer names where it is, and
        ``publish`` publishes it there. A new document is compared with the live and the newest version of the shop's
        documents, a new version with every version of its document.

        Raises:
            UnsupportedDocument: cannot be read.
            InvalidRequest: ``empty_document``, ``dates_reversed``, or no kind given for a new document.
            BodyTooLarge: more than the size allowed.
            NotFound: ``document_id`` is not this shop's.
            Conflict: ``file_managed`` — the document is a file of the knowledge folder; ``rule_in_use``.
            PreconditionFailed: the document is at none of the ``expected`` revisions.
        """
        labels = {"kind": kind, "title": title, "authority": authority, "platform": platform, "category": category}
        dates = {"effective_from": effective_from, "effective_to": effective_to, "note": note, "author": author}
        try:
            former = await self._former(document_id, shop, expected)
            if former is None and kind is None:
                raise InvalidRequest(errors=[{"pointer": "/kind", "message": phrase("field_missing", field="kind")}])
            item = await asyncio.to_thread(
                prepare_upload, name, data, shop, labels, dates, former, self._rules, letters_of(self._embedder)
            )
            taking = _Taking(self._publisher, item, self._embedder.fingerprint, document_id, expected, publish)
            done, moved = await self._database.write(taking.run, alone=True)
        except PreconditionFailed as error:
            error.extra = await self._history.since(str(document_id), expected or ())
            raise
        if moved:
            await self._current.refresh()
        return await self._arrived(done, taking) if done.queued else done

    async def _arrived(self, done: DocumentIngested, taking: _Taking) -> DocumentIngested:
        """Publish a version that only lacked its vectors, if they can be had while somebody waits."""
        late = await self._publisher.arrive(done.id, done.version, taking.signed)
        async with self._database.reading() as connection:
            return await taking.told(
                connection, done.id, done.version, [*done.warnings, *([late] if late else [])], done.duplicate
            )

    async def _former(self, document_id: str | None, shop: str, expected: Collection[int] | None) -> Row | None:
        """The newest version of the document; asked for before the file is read, so that no work is done in vain."""
        if document_id is None:
            return None
        async with self._database.reading() as connection:
            document = await owned(connection, document_id, shop, expected)
            return await found_version(connection, document_id, document["newest"])


class _Taking:
    """The one transaction of an upload."""

    def __init__(
        self,
        publisher: Publisher,
        item: Submission,
        fingerprint: str,
        document_id: str | None,
        expected: Collection[int] | None,
        publish: bool,
    ) -> None:
        self._publisher, self._item, self._fingerprint = publisher, item, fingerprint
        self._document_id, self._expected, self._publish = document_id, expected, publish
        self.signed = Signed(item.version["author"], item.version["note"])

    async def run(self, connection: AsyncConnection) -> tuple[DocumentIngested, bool]:
        """What the upload became, and whether something was published."""
        item = self._item
        if self._document_id is not None:
            await owned(connection, self._document_id, item.document["shop"], self._expected)
        same = await told.same_bytes(connection, item.document["shop"], item.version["sha256"])
        twin = next((row for row in same if self._is_twin(row)), None)
        if twin is not None:
            target, number = twin["document_id"], twin["number"]
            warnings = [phrase("warning_duplicate", id=target, version=number)]
        else:
            target = item.document["id"]
            number = await add_version(
                connection, item.document, item.version, item.pieces, item.blobs, self._fingerprint
            )
            elsewhere = next((row for row in same if row["document_id"] != target), None)
            warnings = [*item.version["warnings"], *_elsewhere(elsewhere)]
        moved = self._publish and await self._publisher.flip(connection, target, number, self.signed)
        if moved:
            await writing.move_pointer(connection)
        return await self.told(connection, target, number, warnings, twin is not None), moved

    def _is_twin(self, row: Row) -> bool:
        """Whether a version of the same bytes is the same document to search and to cite."""
        same_document = row["document_id"] == self._document_id
        shown = row["state"] == "published" or row["number"] == row["newest"]
        if not (same_document if self._document_id is not None else shown):
            return False
        version = self._item.version
        if row["seal"] not in (None, seal_of(version["text"], self._item.pieces)):
            return False  # the rules by which files are read have changed since: it would be another version today
        labels = all(row["labels"].get(name) == version["labels"].get(name) for name in _LABELS)
        return labels and all(row[name] == version[name] for name in DATES)

    async def told(
        self, connection: AsyncConnection, target: str, number: int, warnings: list[str], duplicate: bool
    ) -> DocumentIngested:
        """The answer, from what the database has now."""
        document: Any = await told.read_document(connection, target)
        row = next(row for row in await told.list_versions(connection, target) if row["number"] == number)
        late = date_warnings(*(row[name] for name in DATES)) if row["state"] == "published" else []
        return DocumentIngested(
            id=target,
            version=number,
            state=row["state"],
            chunks=row["chunks"],
            held=row["held"],
            warnings=[*warnings, *late],
            revision=document["revision"],
            duplicate=duplicate,
            queued=await is_waiting(connection, target, number),
        )


def _elsewhere(row: Row | None) -> list[str]:
    if row is None:
        return []
    return [phrase("warning_duplicate_elsewhere", id=row["document_id"], version=row["number"])]
