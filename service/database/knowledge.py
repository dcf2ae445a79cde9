"""Documents in the database: versions in, what is published out, the pointer moved in the same transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, and_, func, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables import chunks, documents, pointer, vectors, versions

Row = Mapping[str, Any]
_POINTER = 1
_BATCH = 500
_LABELS = ("kind", "title", "authority", "platform", "category")


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
    query = select(pointer.c.generation, pointer.c.digest).where(pointer.c.id == _POINTER)
    row = (await connection.execute(query)).first()
    return Pointer(row[0], row[1]) if row else Pointer(0, "0" * 64)


async def move_pointer(connection: AsyncConnection) -> Pointer:
    """Name the new set of live versions; to be called in the transaction that changed their states."""
    query = (
        select(versions.c.document_id, versions.c.sha256)
        .where(versions.c.state == "published")
        .order_by(versions.c.document_id, versions.c.number)
    )
    digest = hashlib.sha256()
    for document_id, sha in await connection.execute(query):
        digest.update(f"{document_id}\0{sha}\n".encode())
    old = await read_pointer(connection)
    new = Pointer(old.generation + 1, digest.hexdigest())
    values = {"generation": new.generation, "digest": new.digest, "shop": "*", "changed_at": datetime.now(UTC)}
    moved = await connection.execute(update(pointer).where(pointer.c.id == _POINTER).values(values))
    if not moved.rowcount:
        await connection.execute(insert(pointer).values(id=_POINTER, **values))
    return new


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


async def add_version(
    connection: AsyncConnection,
    document: Row,
    version: Row,
    pieces: Sequence[Row],
    blobs: Sequence[bytes],
    fingerprint: str,
) -> int:
    """A new version, as a draft, with its chunks and vectors; the document itself too if it is new.

    Args:
        connection: of the transaction this belongs to.
        document: the document's row.
        version: the version's columns except number, state and time.
        pieces: section, text, indexed_text, start, end, held, held_reason of each chunk.
        blobs: one vector a chunk, float32 little-endian.
        fingerprint: of the embedder that made them.

    Returns:
        The version's number, counted from 1.
    """
    key = {"document_id": document["id"], "shop": document["shop"]}
    if await find_document(connection, document["id"]) is None:
        await connection.execute(insert(documents).values(dict(document)))
    last = select(func.max(versions.c.number)).where(versions.c.document_id == document["id"])
    number = ((await connection.execute(last)).scalar() or 0) + 1
    row = {**key, **version, "number": number, "state": "draft", "created_at": datetime.now(UTC)}
    await connection.execute(insert(versions).values(row))
    rows = [
        {**key, **piece, "id": f"{document['id']}@{number}#{ordinal}", "version": number, "ordinal": ordinal}
        for ordinal, piece in enumerate(pieces)
    ]
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(chunks), rows[start : start + _BATCH])
    await add_vectors(connection, [(chunk["id"], chunk["shop"]) for chunk in rows], blobs, fingerprint)
    return int(number)


async def add_vectors(
    connection: AsyncConnection, ids: Sequence[tuple[str, str]], blobs: Sequence[bytes], fingerprint: str
) -> None:
    """Vectors of chunks, given as (chunk id, shop)."""
    rows = [
        {"chunk_id": chunk, "shop": shop, "fingerprint": fingerprint, "dim": len(blob) // 4, "blob": blob}
        for (chunk, shop), blob in zip(ids, blobs, strict=True)
    ]
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(vectors), rows[start : start + _BATCH])


async def publish_versions(connection: AsyncConnection, which: Iterable[tuple[str, int]]) -> None:
    """Make these the live versions of their documents, which take over their labels; the caller moves the pointer."""
    for document_id, number in which:
        of = versions.c.document_id == document_id
        await connection.execute(update(versions).where(of, versions.c.state == "published").values(state="retired"))
        await connection.execute(update(versions).where(of, versions.c.number == number).values(state="published"))
        labels = (
            await connection.execute(select(versions.c.labels).where(of, versions.c.number == number))
        ).scalar_one()
        kept = {label: labels.get(label) for label in _LABELS}
        await connection.execute(update(documents).where(documents.c.id == document_id).values(kept))


async def retire_documents(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """Take documents out of the live set; their versions stay for history."""
    for document_id in ids:
        of = and_(versions.c.document_id == document_id, versions.c.state == "published")
        await connection.execute(update(versions).where(of).values(state="retired"))


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
