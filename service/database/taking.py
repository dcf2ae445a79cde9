"""Versions taken in: documents, versions, chunks and vectors written in the transaction of the caller.

A hundred documents take as many statements as one: what a statement costs on its way to the driver is most of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import Row
from service.database.newrows import insert_new
from service.database.publishing import Signed, batches_of, insert_rows, record_all, slices_of
from service.database.tables import chunks, documents, vectors, versions


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
        blobs: one vector a chunk, float32 little-endian, or none at all.
        fingerprint: of the embedder that made them.

    Returns:
        The version's number, counted from 1.
    """
    return (await add_versions(connection, [Taken(document, version, pieces, blobs)], fingerprint))[0]


@dataclass(frozen=True, slots=True)
class Taken:
    """What :func:`add_version` takes, for :func:`add_versions`."""

    document: Row
    version: Row
    pieces: Sequence[Row]
    blobs: Sequence[bytes]


async def add_versions(connection: AsyncConnection, taken: Sequence[Taken], fingerprint: str) -> list[int]:
    """:func:`add_version` for different documents: as many statements for a hundred as for one."""
    ids = [item.document["id"] for item in taken]
    last: dict[str, int | None] = {}
    for some in slices_of(ids):
        query = (
            select(documents.c.id, func.max(versions.c.number))
            .outerjoin(versions, versions.c.document_id == documents.c.id)
            .where(documents.c.id.in_(some))
            .group_by(documents.c.id)
        )
        last |= {row[0]: row[1] for row in await connection.execute(query)}
    await insert_rows(
        connection, documents, [{**i.document, "revision": 0} for i in taken if i.document["id"] not in last]
    )
    numbers = [(last.get(document_id) or 0) + 1 for document_id in ids]
    now = datetime.now(UTC)
    rows, pieces, blobs = [], [], []
    for item, number in zip(taken, numbers, strict=True):
        key = {"document_id": item.document["id"], "shop": item.document["shop"]}
        seal = seal_of(item.version["text"], item.pieces)
        rows.append({**key, **item.version, "number": number, "seal": seal, "state": "draft", "created_at": now})
        made = chunk_rows({**key, "version": number}, item.pieces)
        pieces += made
        if item.blobs:
            blobs += [((row["id"], row["shop"]), blob) for row, blob in zip(made, item.blobs, strict=True)]
    await insert_rows(connection, versions, rows)
    await insert_rows(connection, chunks, pieces)
    await add_vectors(connection, [key for key, _ in blobs], [blob for _, blob in blobs], fingerprint)
    signs = [Signed(item.version["author"], item.version["note"]) for item in taken]
    await record_all(connection, "added", list(zip(ids, numbers, signs, strict=True)))
    return numbers


def chunk_rows(key: Row, pieces: Sequence[Row]) -> list[Row]:
    """The chunks of a version, whose ``key`` has document_id, shop and version."""
    of = f"{key['document_id']}@{key['version']}"
    return [{**key, **piece, "id": f"{of}#{ordinal}", "ordinal": ordinal} for ordinal, piece in enumerate(pieces)]


async def add_chunks(connection: AsyncConnection, key: Row, pieces: Sequence[Row]) -> None:
    """Chunks of a version, whose ``key`` has document_id, shop and version."""
    await insert_rows(connection, chunks, chunk_rows(key, pieces))


def seal_of(text: str, pieces: Sequence[Row]) -> str:
    """What a version's text and chunks are known by, so that a change nobody made is seen."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for piece in pieces:
        told = [piece[name] for name in ("section", "text", "indexed_text", "start", "end", "held")]
        digest.update(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


async def add_vectors(
    connection: AsyncConnection, ids: Sequence[tuple[str, str]], blobs: Sequence[bytes], fingerprint: str
) -> None:
    """Vectors of chunks, given as (chunk id, shop); one that somebody else added meanwhile stays."""
    rows = [
        {"chunk_id": chunk, "shop": shop, "fingerprint": fingerprint, "dim": len(blob) // 4, "blob": blob}
        for (chunk, shop), blob in zip(ids, blobs, strict=True)
    ]
    for some in batches_of(rows):
        await insert_new(connection, vectors, some)
