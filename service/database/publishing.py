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

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.deeds import document_changed
from service.database.entries import tell
from service.database.knowledge import POINTER, Pointer, Row, digest_of, read_pointer
from service.database.outbox import Happened, emit
from service.database.tables import changes, documents, pointer, releases, rulings, versions

_BATCH = 2_000
_ASKED = 500
_TOLD = ("published", "rolled_back")
"""What hooks hear of as published knowledge."""
_MOST_TOLD = 50
"""Documents an event names; it counts them all."""
_LABELS = ("kind", "title", "authority", "platform", "category")


@dataclass(frozen=True, slots=True)
class Signed:
    """Who makes a change, and why, as far as they said."""

    author: str | None = None
    note: str | None = None


UNSIGNED = Signed()


async def move_pointer(connection: AsyncConnection) -> Pointer:
    """Name the new live set; to be called in the transaction that changed it."""
    old = await read_pointer(connection)
    new = Pointer(old.generation + 1, await live_digest(connection))
    values = {"generation": new.generation, "digest": new.digest, "shop": "*", "changed_at": datetime.now(UTC)}
    moved = await connection.execute(update(pointer).where(pointer.c.id == POINTER).values(values))
    if not moved.rowcount:
        await connection.execute(insert(pointer).values(id=POINTER, **values))
    return new


async def live_digest(connection: AsyncConnection) -> str:
    """What is live: versions with their labels and dates, sentences released in them, rulings on them."""
    live = versions.c.state == "published"
    columns = (versions.c.document_id, versions.c.sha256, versions.c.labels)
    dates = (versions.c.effective_from, versions.c.effective_to)
    digest = hashlib.sha256()
    for row in sorted(await connection.execute(select(*columns, *dates).where(live)), key=lambda row: row[0]):
        digest.update((json.dumps(list(row), sort_keys=True, default=str) + "\n").encode())
    let = (
        select(releases.c.document_id, releases.c.digest)
        .join(versions, versions.c.document_id == releases.c.document_id)
        .where(live)
    )
    for document_id, sentence in sorted(map(tuple, await connection.execute(let))):
        digest.update(f"{document_id}\0{sentence}\n".encode())
    ruled = select(rulings.c.shop, rulings.c.key, rulings.c.keep)
    for ruling in sorted(map(tuple, await connection.execute(ruled))):
        digest.update(("\0".join(ruling) + "\n").encode())
    return digest.hexdigest()


async def pointer_fits(connection: AsyncConnection) -> bool:
    """Whether what is live is what was published; False when rows are gone or changed that nobody changed."""
    at = await read_pointer(connection)
    return not at.generation or at.digest == await live_digest(connection)


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Rows into a table, some thousand at a time."""
    for some in batches_of(rows):
        await connection.execute(insert(table), some)


def batches_of(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """As many at once as are put down in one statement."""
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def slices_of(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as any database takes in one IN."""
    return (ids[start : start + _ASKED] for start in range(0, len(ids), _ASKED))


async def record(
    connection: AsyncConnection, document_id: str, action: str, version: int | None, signed: Signed = UNSIGNED
) -> None:
    """Add one to a document's revision and write down what was done."""
    await record_all(connection, action, [(document_id, version, signed)])


async def record_all(connection: AsyncConnection, action: str, which: Sequence[tuple[str, int | None, Signed]]) -> None:
    """:func:`record` for different documents, in three statements however many they are."""
    ids = [document_id for document_id, _, _ in which]
    known: dict[str, tuple[int, str]] = {}
    for some in slices_of(ids):
        of = documents.c.id.in_(some)
        await connection.execute(update(documents).where(of).values(revision=documents.c.revision + 1))
        query = select(documents.c.id, documents.c.revision, documents.c.shop).where(of)
        known |= {row[0]: (row[1], row[2]) for row in await connection.execute(query)}
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [
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
    await insert_rows(connection, changes, rows)
    tell(
        connection,
        *(document_changed(action, one["document_id"], one["shop"], one["version"], one["revision"]) for one in rows),
    )
    if action in _TOLD:
        for shop in {one["shop"] for one in rows}:
            mine = [one["document_id"] for one in rows if one["shop"] == shop]
            data = {"action": action, "count": len(mine), "documents": mine[:_MOST_TOLD]}
            await emit(connection, Happened("knowledge.published", shop, data))


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
    for some in slices_of(list(chosen)):
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
