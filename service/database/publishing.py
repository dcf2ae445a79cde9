"""Documents written to the database: versions in, states changed, the pointer moved in the same transaction.

Every function is called with the connection of a transaction that belongs to the caller. Whatever changes a document
adds one to its revision and a row to its changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import POINTER, Pointer, Row, digest_of, find_document, read_pointer
from service.database.tables import changes, chunks, documents, pointer, releases, rulings, vectors, versions

_BATCH = 500
_LABELS = ("kind", "title", "authority", "platform", "category")


@dataclass(frozen=True, slots=True)
class Signed:
    """Who makes a change, and why, as far as they said."""

    author: str | None = None
    note: str | None = None


UNSIGNED = Signed()


async def move_pointer(connection: AsyncConnection) -> Pointer:
    """Name the new live set: versions with their labels and dates, sentences released in them, rulings on them.

    To be called in the transaction that changed any of these.
    """
    live = versions.c.state == "published"
    columns = (versions.c.document_id, versions.c.sha256, versions.c.labels)
    dates = (versions.c.effective_from, versions.c.effective_to)
    digest = hashlib.sha256()
    for row in await connection.execute(select(*columns, *dates).where(live).order_by(versions.c.document_id)):
        digest.update((json.dumps(list(row), sort_keys=True, default=str) + "\n").encode())
    let = (
        select(releases.c.document_id, releases.c.digest)
        .join(versions, versions.c.document_id == releases.c.document_id)
        .where(live)
        .order_by(releases.c.document_id, releases.c.digest)
    )
    for document_id, sentence in await connection.execute(let):
        digest.update(f"{document_id}\0{sentence}\n".encode())
    ruled = select(rulings.c.shop, rulings.c.key, rulings.c.keep).order_by(rulings.c.shop, rulings.c.key)
    for ruling in await connection.execute(ruled):
        digest.update(("\0".join(ruling) + "\n").encode())
    old = await read_pointer(connection)
    new = Pointer(old.generation + 1, digest.hexdigest())
    values = {"generation": new.generation, "digest": new.digest, "shop": "*", "changed_at": datetime.now(UTC)}
    moved = await connection.execute(update(pointer).where(pointer.c.id == POINTER).values(values))
    if not moved.rowcount:
        await connection.execute(insert(pointer).values(id=POINTER, **values))
    return new


async def record(
    connection: AsyncConnection, document_id: str, action: str, version: int | None, signed: Signed = UNSIGNED
) -> None:
    """Add one to a document's revision and write down what was done."""
    of = documents.c.id == document_id
    await connection.execute(update(documents).where(of).values(revision=documents.c.revision + 1))
    revision, shop = (await connection.execute(select(documents.c.revision, documents.c.shop).where(of))).one()
    row = {"document_id": document_id, "revision": revision, "shop": shop, "action": action, "version": version}
    who = {"author": signed.author, "note": signed.note, "changed_at": datetime.now(UTC)}
    await connection.execute(insert(changes).values(**row, **who))


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
    key = {"document_id": document["id"], "shop": document["shop"]}
    if await find_document(connection, document["id"]) is None:
        await connection.execute(insert(documents).values({**document, "revision": 0}))
    last = select(func.max(versions.c.number)).where(versions.c.document_id == document["id"])
    number = int((await connection.execute(last)).scalar() or 0) + 1
    seal = seal_of(version["text"], pieces)
    row = {**key, **version, "number": number, "seal": seal, "state": "draft", "created_at": datetime.now(UTC)}
    await connection.execute(insert(versions).values(row))
    rows = await add_chunks(connection, {**key, "version": number}, pieces)
    if blobs:
        await add_vectors(connection, [(chunk["id"], chunk["shop"]) for chunk in rows], blobs, fingerprint)
    await record(connection, document["id"], "added", number, Signed(version["author"], version["note"]))
    return number


async def add_chunks(connection: AsyncConnection, key: Row, pieces: Sequence[Row]) -> Sequence[Row]:
    """Chunks of a version, whose ``key`` has document_id, shop and version; returns their rows."""
    of = f"{key['document_id']}@{key['version']}"
    rows = [{**key, **piece, "id": f"{of}#{ordinal}", "ordinal": ordinal} for ordinal, piece in enumerate(pieces)]
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(chunks), rows[start : start + _BATCH])
    return rows


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
    """Vectors of chunks, given as (chunk id, shop)."""
    rows = [
        {"chunk_id": chunk, "shop": shop, "fingerprint": fingerprint, "dim": len(blob) // 4, "blob": blob}
        for (chunk, shop), blob in zip(ids, blobs, strict=True)
    ]
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(vectors), rows[start : start + _BATCH])


async def publish_versions(
    connection: AsyncConnection,
    which: Iterable[tuple[str, int]],
    signed: Signed = UNSIGNED,
    action: str = "published",
) -> None:
    """Make these the live versions of their documents, which take over their labels; the caller moves the pointer."""
    for document_id, number in which:
        of = versions.c.document_id == document_id
        await connection.execute(update(versions).where(of, versions.c.state == "published").values(state="retired"))
        await connection.execute(update(versions).where(of, versions.c.number == number).values(state="published"))
        await connection.execute(update(versions).where(of, versions.c.queued).values(queued=False))
        labels = (
            await connection.execute(select(versions.c.labels).where(of, versions.c.number == number))
        ).scalar_one()
        kept = {label: labels.get(label) for label in _LABELS}
        await connection.execute(update(documents).where(documents.c.id == document_id).values(kept))
        await record(connection, document_id, action, number, signed)


async def retire_documents(connection: AsyncConnection, ids: Iterable[str], signed: Signed = UNSIGNED) -> None:
    """Take documents out of the live set, and their drafts out of the way; their versions stay for history."""
    for document_id in ids:
        of = versions.c.document_id == document_id
        live = select(versions.c.number).where(of, versions.c.state == "published")
        number = (await connection.execute(live)).scalar()
        await connection.execute(update(versions).where(of).values(state="retired", queued=False))
        await record(connection, document_id, "retired", number, signed)


async def release_sentence(connection: AsyncConnection, document_id: str, text: str, version: int, by: Signed) -> None:
    """Let a held sentence through, in this version and every other that has it."""
    shop = (await connection.execute(select(documents.c.shop).where(documents.c.id == document_id))).scalar_one()
    row = {"document_id": document_id, "digest": digest_of(text), "shop": shop, "text": text}
    who = {"author": by.author, "note": by.note, "released_at": datetime.now(UTC)}
    await connection.execute(insert(releases).values(**row, **who))
    await record(connection, document_id, "released", version, by)


async def hold_sentence(connection: AsyncConnection, document_id: str, text: str, version: int, by: Signed) -> None:
    """Take a release back."""
    of = (releases.c.document_id == document_id, releases.c.digest == digest_of(text))
    await connection.execute(delete(releases).where(*of))
    await record(connection, document_id, "held", version, by)
