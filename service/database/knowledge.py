"""Documents read from the database: what there is, and everything that is published, in one consistent read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, and_, func, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables import chunks, documents, pointer, vectors, versions

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
    ``blob``, None where this fingerprint has no vector yet.
    """

    pointer: Pointer
    documents: Sequence[Row]
    chunks: Sequence[Row]


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


async def list_versions(connection: AsyncConnection, document_id: str) -> Sequence[Row]:
    """A document's versions, oldest first, without their bytes and text."""
    columns = [c for c in versions.c if c.name not in ("raw", "text")]
    query = select(*columns).where(versions.c.document_id == document_id).order_by(versions.c.number)
    return _rows(await connection.execute(query))


async def list_documents(connection: AsyncConnection, shops: Iterable[str]) -> Sequence[Row]:
    """Documents of these shops with their newest version's number and state, by id."""
    newest = select(versions.c.document_id, func.max(versions.c.number).label("number")).group_by(
        versions.c.document_id
    )
    last = newest.subquery()
    live = select(versions.c.document_id, versions.c.number).where(versions.c.state == "published").subquery()
    query = (
        select(documents, last.c.number.label("newest"), live.c.number.label("published"))
        .join(last, last.c.document_id == documents.c.id)
        .outerjoin(live, live.c.document_id == documents.c.id)
        .where(documents.c.shop.in_(list(shops)))
        .order_by(documents.c.id)
    )
    return _rows(await connection.execute(query))


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
        .order_by(documents.c.id)
        .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    pieces = (
        select(chunks, vectors.c.blob)
        .join(versions, and_(versions.c.document_id == chunks.c.document_id, versions.c.number == chunks.c.version))
        .outerjoin(vectors, and_(vectors.c.chunk_id == chunks.c.id, vectors.c.fingerprint == fingerprint))
        .where(versions.c.state == "published")
        .order_by(chunks.c.document_id, chunks.c.ordinal)
    )
    async with database.reading() as connection:
        at = await read_pointer(connection)
        found = _rows(await connection.execute(query))
        return LiveRows(at, found, _rows(await connection.execute(pieces)))


def _rows(result: CursorResult[Any]) -> list[Row]:
    return [dict(row) for row in result.mappings()]
