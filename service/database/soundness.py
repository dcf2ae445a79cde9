"""Rows looked at for damage, and put right: versions whole, chunks as sealed, vectors as their fingerprint says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import Row, rows_of
from service.database.tables import chunks, documents, embedders, vectors, versions
from service.database.taking import add_chunks, seal_of

Version = tuple[str, int]
"""Document id and number."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as it lies in the database. ``vectors`` are (chunk id, dim, blob) of one fingerprint."""

    row: Row
    chunks: Sequence[Row]
    vectors: Sequence[tuple[str, int, bytes]]


async def all_versions(connection: AsyncConnection) -> list[Version]:
    """Every version, by document."""
    query = select(versions.c.document_id, versions.c.number).order_by(versions.c.document_id, versions.c.number)
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def read_version(connection: AsyncConnection, which: Version, fingerprint: str) -> Kept | None:
    """A version with its document's source and path, its chunks and vectors; None when it is gone."""
    query = (
        select(versions, documents.c.source, documents.c.path)
        .join(documents, documents.c.id == versions.c.document_id)
        .where(versions.c.document_id == which[0], versions.c.number == which[1])
    )
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    of = and_(chunks.c.document_id == which[0], chunks.c.version == which[1])
    pieces = rows_of(await connection.execute(select(chunks).where(of).order_by(chunks.c.ordinal)))
    held = (
        select(vectors.c.chunk_id, vectors.c.dim, vectors.c.blob)
        .join(chunks, chunks.c.id == vectors.c.chunk_id)
        .where(of, vectors.c.fingerprint == fingerprint)
    )
    found = [(r[0], r[1], bytes(r[2])) for r in await connection.execute(held)]
    return Kept(dict(row), pieces, found)


async def orphans(connection: AsyncConnection) -> tuple[int, int, int]:
    """How many versions have no document, chunks no version, vectors no chunk."""
    counts = []
    for table, lonely in zip((versions, chunks, vectors), _lonely(), strict=True):
        counts.append(
            int((await connection.execute(select(func.count()).select_from(table).where(lonely))).scalar_one())
        )
    return counts[0], counts[1], counts[2]


async def drop_orphans(connection: AsyncConnection) -> None:
    """Take away vectors without chunk and chunks without version; what a person wrote is left for a person."""
    _, without_version, without_chunk = _lonely()
    await connection.execute(delete(vectors).where(without_chunk))
    ids = [row[0] for row in await connection.execute(select(chunks.c.id).where(without_version))]
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        await connection.execute(delete(vectors).where(vectors.c.chunk_id.in_(some)))
        await connection.execute(delete(chunks).where(chunks.c.id.in_(some)))


async def drop_vectors(connection: AsyncConnection, ids: Sequence[str], fingerprint: str) -> None:
    """Take away vectors; whoever loads the passages next sees that they are missing."""
    for start in range(0, len(ids), _BATCH):
        some = vectors.c.chunk_id.in_(list(ids[start : start + _BATCH]))
        await connection.execute(delete(vectors).where(some, vectors.c.fingerprint == fingerprint))


async def restore_version(connection: AsyncConnection, row: Row, text: str, pieces: Sequence[Row]) -> None:
    """Put a version's text and chunks in the place of what is there; their vectors go."""
    of = and_(chunks.c.document_id == row["document_id"], chunks.c.version == row["number"])
    gone = select(chunks.c.id).where(of)
    await connection.execute(delete(vectors).where(vectors.c.chunk_id.in_(gone)))
    await connection.execute(delete(chunks).where(of))
    mine = and_(versions.c.document_id == row["document_id"], versions.c.number == row["number"])
    await connection.execute(update(versions).where(mine).values(text=text, seal=seal_of(text, pieces)))
    key = {"document_id": row["document_id"], "version": row["number"], "shop": row["shop"]}
    await add_chunks(connection, key, pieces)


async def active_embedder(connection: AsyncConnection) -> tuple[str, int] | None:
    """Fingerprint and dimension of the endpoint whose vectors are searched; None when they are made here."""
    row = (await connection.execute(select(embedders.c.fingerprint, embedders.c.dim).where(embedders.c.active))).first()
    return None if row is None else (row[0], row[1])


def _lonely() -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    document = exists().where(documents.c.id == versions.c.document_id)
    version = exists().where(versions.c.document_id == chunks.c.document_id, versions.c.number == chunks.c.version)
    chunk = exists().where(chunks.c.id == vectors.c.chunk_id)
    return ~document, ~version, ~chunk
