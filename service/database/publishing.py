"""Documents written to the database: versions in, states changed, the pointer moved in the same transaction.

Every function is called with the connection of a transaction that belongs to the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import POINTER, Pointer, Row, find_document, read_pointer
from service.database.tables import chunks, documents, pointer, vectors, versions

_BATCH = 500
_LABELS = ("kind", "title", "authority", "platform", "category")


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
    moved = await connection.execute(update(pointer).where(pointer.c.id == POINTER).values(values))
    if not moved.rowcount:
        await connection.execute(insert(pointer).values(id=POINTER, **values))
    return new


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
