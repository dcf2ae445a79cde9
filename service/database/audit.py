"""The audit trail's chain: every deed in one row that carries the digest of the row before it.

The rows of a group are added at the end of its transaction, so that what was done and that it was done are written
together or not at all. The head row is read under its lock: several processes write one chain. What a row says is
hashed in one fixed form, in the order of ``seq``; the clock is told, never relied on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.entries import Deed
from service.database.newrows import Form, form_of, on_thread
from service.database.tables_audit import audit, audit_head

NOTHING = "0" * 64
"""What the first row has before it."""

HEAD_ROW = 1
COLUMNS = ("seq", "at", "actor", "role", "shop", "request", "action", "object", "details", "prev", "hash")
_WIDTHS = (200, 20, 64, 200, 60, 300)
"""Characters kept of the columns from ``actor`` to ``object``."""
_LOCKED = select(audit_head.c.seq, audit_head.c.hash, audit_head.c.secret).where(audit_head.c.id == HEAD_ROW)
_READ_HERE = f"SELECT seq, hash, secret FROM audit_head WHERE id = {HEAD_ROW}"
_AT_ONCE = 500
"""Rows in one statement, below the fewest parameters any SQLite takes (32,766 of 11 a row)."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends."""

    seq: int
    hash: str
    secret: bytes


def row_hash(prev: str, seq: int, at: datetime, told: Sequence[str]) -> str:
    """The digest of a row.

    Args:
        prev: the digest of the row before.
        seq: its number.
        at: when, aware.
        told: actor, role, shop, request, action, object, details.
    """
    when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hashlib.sha256(json.dumps([prev, seq, when, *told]).encode()).hexdigest()


def keyed_digest(secret: bytes, of: str, text: str) -> str:
    """The digest by which words are known again, but not guessed by who lacks the database's secret.

    Args:
        secret: ``audit_head.secret``.
        of: id of what the words belong to: the same words elsewhere have another digest.
        text: the words.
    """
    said = f"{of}\0{text}".encode("utf-8", "surrogatepass")
    return "hmac:" + hmac.digest(secret, said, "sha256").hex()


def buyer_digest(secret: bytes, shop: str, buyer: str) -> str:
    """What a buyer's drafts are found by: the same only within one shop of one database."""
    return keyed_digest(secret, f"buyer\0{shop}", buyer.strip())


def link(head: Head, deeds: Sequence[Deed]) -> list[tuple[Any, ...]]:
    """The rows of deeds behind the head, in the order of :data:`COLUMNS`."""
    rows: list[tuple[Any, ...]] = []
    prev, now = head.hash, datetime.now(UTC)
    for seq, deed in enumerate(deeds, start=head.seq + 1):
        entry, who = deed.entry, deed.who
        details = deed.details(_digest_for(head.secret, entry.id))
        names = (who.key, who.role, entry.shop, who.request, entry.action, entry.id)
        told = (*(_clean(name)[:width] for name, width in zip(names, _WIDTHS, strict=True)), details)
        digest = row_hash(prev, seq, now, told)
        rows.append((seq, now, *told, prev, digest))
        prev = digest
    return rows


def _clean(name: str) -> str:
    """What every database takes: one id nobody can store must not keep a whole group from being written."""
    if name.isascii() and "\0" not in name:
        return name
    return name.encode("utf-8", "replace").decode().replace("\0", "?")


def _digest_for(secret: bytes, of: str) -> Callable[[str], str]:
    return lambda text: keyed_digest(secret, of, text)


async def secret_of(connection: AsyncConnection) -> bytes:
    """The database's secret; empty when its row is gone, so that the service starts and ``verify`` can say so."""
    query = select(audit_head.c.secret).where(audit_head.c.id == HEAD_ROW)
    return bytes((await connection.execute(query)).scalar() or b"")


async def append(connection: AsyncConnection, deeds: Sequence[Deed]) -> None:
    """Add deeds to the trail, in the caller's write transaction and as the last thing in it.

    Raises:
        DBAPIError: the database is busy, full or broken.
    """
    if not deeds:
        return
    if connection.dialect.name == "sqlite":
        form = form_of(audit, COLUMNS, connection.dialect)
        await on_thread(connection, lambda driver: append_here(driver, form, deeds))
        return
    row = (await connection.execute(_LOCKED.with_for_update())).one()
    rows = link(Head(row.seq, row.hash, bytes(row.secret)), deeds)
    await connection.execute(insert(audit), [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def append_here(driver: sqlite3.Connection, form: Form, deeds: Sequence[Deed]) -> None:
    """:func:`append` on SQLite's own thread, inside a transaction that holds the write lock."""
    seq, last, secret = driver.execute(_READ_HERE).fetchone()
    rows = link(Head(seq, last, bytes(secret)), deeds)
    for start in range(0, len(rows), _AT_ONCE):
        driver.execute(*form.fill(rows[start : start + _AT_ONCE]))
