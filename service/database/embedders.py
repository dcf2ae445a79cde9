"""Rows about vectors: whose vectors the library holds, which passages lack one, which versions wait for theirs.

Functions that write are called with the connection of a transaction that belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import Row
from service.database.newrows import insert_new
from service.database.publishing import Signed
from service.database.tables import chunks, embedders, vectors, versions
from service.database.taking import add_vectors

Version = tuple[str, int]
"""Document id and number."""


async def active_embedder(connection: AsyncConnection) -> Row | None:
    """The endpoint whose vectors are searched; None before the first one."""
    row = (await connection.execute(select(embedders).where(embedders.c.active))).mappings().first()
    return None if row is None else dict(row)


async def known_embedders(connection: AsyncConnection, model: str) -> Sequence[Row]:
    """Embedders of this name, the one in use first."""
    query = select(embedders).where(embedders.c.model == model).order_by(embedders.c.active.desc())
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def keep_embedder(connection: AsyncConnection, row: Row) -> None:
    """Remember an embedder; it is in use at once if there is none yet."""
    active = await active_embedder(connection) is None
    values = {**row, "active": active, "made_at": datetime.now(UTC)}
    await insert_new(connection, embedders, [values])


async def use_embedder(connection: AsyncConnection, fingerprint: str) -> None:
    """From now on this one's vectors are searched; those of all others go. The caller moves the pointer."""
    others = select(embedders.c.fingerprint).where(embedders.c.fingerprint != fingerprint)
    await connection.execute(delete(vectors).where(vectors.c.fingerprint.in_(others)))
    await connection.execute(delete(embedders).where(embedders.c.fingerprint != fingerprint))
    await connection.execute(update(embedders).values(active=True))


async def lacking(
    connection: AsyncConnection, fingerprint: str, limit: int, only: Version | None = None
) -> Sequence[Row]:
    """Passages without a vector: those of ``only``, else of all that is published or waits to be.

    Returns:
        Rows with id, shop and indexed_text; what is published first.
    """
    order = (versions.c.state != "published", chunks.c.document_id, chunks.c.ordinal)
    query = _lacking(select(chunks.c.id, chunks.c.shop, chunks.c.indexed_text), fingerprint, only)
    return [dict(row) for row in (await connection.execute(query.order_by(*order).limit(limit))).mappings()]


async def count_lacking(connection: AsyncConnection, fingerprint: str, only: Version | None = None) -> int:
    """How many passages :func:`lacking` would tell in all."""
    query = _lacking(select(func.count()).select_from(chunks), fingerprint, only)
    return int((await connection.execute(query)).scalar_one())


async def add_lacking(
    connection: AsyncConnection, fingerprint: str, pieces: Sequence[Row], blobs: Sequence[bytes]
) -> None:
    """Vectors of passages of :func:`lacking`; one that somebody else added meanwhile stays."""
    keys = [(piece["id"], piece["shop"]) for piece in pieces]
    await add_vectors(connection, keys, blobs, fingerprint)


async def waiting(connection: AsyncConnection) -> list[Version]:
    """Versions that are to be published once they have their vectors."""
    query = select(versions.c.document_id, versions.c.number).where(versions.c.queued)
    return [(row[0], row[1]) for row in await connection.execute(query.order_by(versions.c.created_at))]


async def queue_version(connection: AsyncConnection, document_id: str, number: int) -> None:
    """Have a version published once its vectors are there; an older wish for the same document is dropped."""
    of = versions.c.document_id == document_id
    await connection.execute(update(versions).where(of).values(queued=versions.c.number == number))


async def is_waiting(connection: AsyncConnection, document_id: str, number: int) -> bool:
    """Whether it still waits: nobody published, retired or queued another version in between."""
    query = select(versions.c.queued).where(versions.c.document_id == document_id, versions.c.number == number)
    return bool((await connection.execute(query)).scalar())


def _lacking(query: Select[Any], fingerprint: str, only: Version | None) -> Select[Any]:
    of = and_(versions.c.document_id == chunks.c.document_id, versions.c.number == chunks.c.version)
    has = and_(vectors.c.chunk_id == chunks.c.id, vectors.c.fingerprint == fingerprint)
    wanted: ColumnElement[bool] = or_(versions.c.state == "published", versions.c.queued)
    if only is not None:
        wanted = and_(versions.c.document_id == only[0], versions.c.number == only[1])
    return query.join(versions, of).outerjoin(vectors, has).where(wanted, vectors.c.chunk_id.is_(None))


async def signed(connection: AsyncConnection, document_id: str, number: int) -> Signed:
    """Who added a version and why: what a publication that comes later is signed with."""
    of = (versions.c.document_id == document_id, versions.c.number == number)
    author, note = (await connection.execute(select(versions.c.author, versions.c.note).where(*of))).one()
    return Signed(author, note)
