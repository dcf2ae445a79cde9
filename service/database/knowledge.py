"""Documents read from the database: what there is, and everything that is published, in one consistent read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, and_, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables import chunks, documents, pointer, releases, rulings, vectors, versions

Row = Mapping[str, Any]
POINTER = 1
"""The one row of its table."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which generation is published. ``name`` is what drafts keep as their knowledge's name."""

    generation: int
    digest: str

    @property
    def name(self) -> str:
        """``g`` and the generation, then the first digits of what is live: equal content, equal digits."""
        return f"g{self.generation}.{self.digest[:8]}"


@dataclass(frozen=True, slots=True)
class LiveRows:
    """Everything published at one moment.

    ``documents`` have the columns of both tables as ``documents_…`` and ``versions_…``; ``chunks`` have theirs and
    ``blob``, None where this fingerprint has no vector yet. ``rulings`` are those of all shops.
    """

    pointer: Pointer
    documents: Sequence[Row]
    chunks: Sequence[Row]
    rulings: Sequence[Row] = ()


async def read_pointer(connection: AsyncConnection) -> Pointer:
    """The published generation; zero when nothing was ever published."""
    query = select(pointer.c.generation, pointer.c.digest).where(pointer.c.id == POINTER)
    row = (await connection.execute(query)).first()
    return Pointer(row[0], row[1]) if row else Pointer(0, "0" * 64)


async def find_document(connection: AsyncConnection, document_id: str) -> Row | None:
    """A document's row, whatever its shop; the caller checks whose it is."""
    query = select(documents).where(documents.c.id == document_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else dict(row)


async def live_digests(connection: AsyncConnection, source: str) -> dict[str, str]:
    """Content digests of the published versions of documents from one source."""
    query = (
        select(versions.c.document_id, versions.c.sha256)
        .join(documents, documents.c.id == versions.c.document_id)
        .where(versions.c.state == "published", documents.c.source == source)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


async def load_live(database: Database, fingerprint: str) -> LiveRows:
    """Everything published, in one consistent read."""
    columns = [*documents.c, *(c for c in versions.c if c.name != "raw")]
    query = (
        select(*columns)
        .join(versions, versions.c.document_id == documents.c.id)
        .where(versions.c.state == "published")
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    pieces = (
        select(chunks, vectors.c.blob)
        .join(versions, and_(versions.c.document_id == chunks.c.document_id, versions.c.number == chunks.c.version))
        .outerjoin(vectors, and_(vectors.c.chunk_id == chunks.c.id, vectors.c.fingerprint == fingerprint))
        .where(versions.c.state == "published")
    )
    async with database.reading() as connection:
        at = await read_pointer(connection)
        found = sorted(rows_of(await connection.execute(query)), key=lambda row: row["documents_id"])
        let = {(row[0], row[1]) for row in await connection.execute(select(releases.c.document_id, releases.c.digest))}
        chunked = [_let_through(row, let) for row in rows_of(await connection.execute(pieces))]
        chunked.sort(key=lambda row: (row["document_id"], row["ordinal"]))  # every server has its own order of texts
        return LiveRows(at, found, chunked, rows_of(await connection.execute(select(rulings))))


def digest_of(sentence: str) -> str:
    """What a released sentence is known by."""
    return hashlib.sha256(sentence.encode()).hexdigest()


def _let_through(chunk: Row, let: set[tuple[str, str]]) -> Row:
    """A held passage somebody released is held no more."""
    if chunk["held"] and (chunk["document_id"], digest_of(chunk["text"])) in let:
        return {**chunk, "held": False, "held_reason": None, "taken_held": True}
    return chunk


def rows_of(result: CursorResult[Any]) -> list[Row]:
    """Rows as plain mappings."""
    return [dict(row) for row in result.mappings()]
