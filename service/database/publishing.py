"""Documents written to the database: versions in, states changed, the pointer moved in the same transaction.

Every function is called with the connection of a transaction that belongs to the caller. Whatever changes a document
adds one to its revision and a row to its changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import POINTER, Pointer, Row, digest_of, read_pointer
from service.database.tables import changes, chunks, documents, pointer, releases, rulings, vectors, versions

_BATCH = 2_000
_ASKED = 500
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
    await record_all(connection, action, [(document_id, version, signed)])


async def record_all(connection: AsyncConnection, action: str, which: Sequence[tuple[str, int | None, Signed]]) -> None:
    """:func:`record` for different documents, in three statements however many they are."""
    ids = [document_id for document_id, _, _ in which]
    known: dict[str, tuple[int, str]] = {}
    for some in _slices(ids):
        of = documents.c.id.in_(some)
        await connection.execute(update(documents).where(of).values(revision=documents.c.revision + 1))
        query = select(documents.c.id, documents.c.revision, documents.c.shop).where(of)
        known |= {row[0]: (row[1], row[2]) for row in await connection.execute(query)}
    now = datetime.now(UTC)
    rows = [
        {
            "document_id": document_id,
            "revision": known[document_id][0],
            "shop": known[document_id][1],
            "action": action,
            "version": version,
            "author": signed.author,
            "note": signed.note,
            "changed_at": now,
        }
        for document_id, version, signed in which
    ]
    await _insert(connection, changes, rows)


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
    for some in _slices(ids):
        query = (
            select(documents.c.id, func.max(versions.c.number))
            .outerjoin(versions, versions.c.document_id == documents.c.id)
            .where(documents.c.id.in_(some))
            .group_by(documents.c.id)
        )
        last |= {row[0]: row[1] for row in await connection.execute(query)}
    await _insert(connection, documents, [{**i.document, "revision": 0} for i in taken if i.document["id"] not in last])
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
    await _insert(connection, versions, rows)
    await _insert(connection, chunks, pieces)
    await add_vectors(connection, [key for key, _ in blobs], [blob for _, blob in blobs], fingerprint)
    signs = [Signed(item.version["author"], item.version["note"]) for item in taken]
    await record_all(connection, "added", list(zip(ids, numbers, signs, strict=True)))
    return numbers


async def _insert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(table), rows[start : start + _BATCH])


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as any database takes in one IN."""
    return (ids[start : start + _ASKED] for start in range(0, len(ids), _ASKED))


def chunk_rows(key: Row, pieces: Sequence[Row]) -> list[Row]:
    """The chunks of a version, whose ``key`` has document_id, shop and version."""
    of = f"{key['document_id']}@{key['version']}"
    return [{**key, **piece, "id": f"{of}#{ordinal}", "ordinal": ordinal} for ordinal, piece in enumerate(pieces)]


async def add_chunks(connection: AsyncConnection, key: Row, pieces: Sequence[Row]) -> None:
    """Chunks of a version, whose ``key`` has document_id, shop and version."""
    await _insert(connection, chunks, chunk_rows(key, pieces))


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
    await _insert(connection, vectors, rows)


async def publish_versions(
    connection: AsyncConnection,
    which: Iterable[tuple[str, int]],
    signed: Signed = UNSIGNED,
    action: str = "published",
) -> None:
    """Make these the live versions of their documents, which take over their labels; the caller moves the pointer."""
    chosen = dict(which)
    if not chosen:
        return
    found: dict[str, dict[str, Any]] = {}
    for some in _slices(list(chosen)):
        of = versions.c.document_id.in_(some)
        await connection.execute(update(versions).where(of, versions.c.state == "published").values(state="retired"))
        await connection.execute(update(versions).where(of, versions.c.queued).values(queued=False))
        query = select(versions.c.document_id, versions.c.number, versions.c.labels).where(of)
        rows = await connection.execute(query)
        found |= {row[0]: {label: row[2].get(label) for label in _LABELS} for row in rows if chosen[row[0]] == row[1]}
    one = (versions.c.document_id == bindparam("of_id"), versions.c.number == bindparam("of_number"))
    keys = [{"of_id": document_id, "of_number": number} for document_id, number in chosen.items()]
    await connection.execute(update(versions).where(*one).values(state="published"), keys)
    labels = [{"of_id": document_id, **kept} for document_id, kept in found.items()]
    if labels:
        columns: dict[str, Any] = {label: bindparam(label) for label in _LABELS}
        await connection.execute(update(documents).where(documents.c.id == bindparam("of_id")).values(columns), labels)
    await record_all(connection, action, [(document_id, number, signed) for document_id, number in chosen.items()])


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
