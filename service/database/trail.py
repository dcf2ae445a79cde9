"""The audit trail listed: who did what, newest first, or all of it in order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.session import Database
from service.database.tables_audit import audit

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are listed; None means any."""

    shop: str | None = None
    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as it is kept."""

    seq: int
    at: datetime
    actor: str
    role: str
    shop: str
    request: str
    action: str
    object: str
    details: dict[str, Any]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Entries, newest first, and where the next page begins."""

    entries: Sequence[Told]
    next: int | None = None


async def list_trail(database: Database, wanted: Wanted, limit: int = 50, before: int | None = None) -> TrailPage:
    """Entries of the trail, newest first.

    Args:
        database: whose.
        wanted: which.
        limit: rows at most.
        before: ``next`` of the page in front of this one.

    Raises:
        Unavailable: the database is busy.
    """
    query = select(audit).where(*_filters(wanted)).order_by(audit.c.seq.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(audit.c.seq < before)
    async with database.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
    shown = [_told(row) for row in rows[:limit]]
    return TrailPage(shown, shown[-1].seq if len(rows) > limit else None)


async def each_entry(database: Database, wanted: Wanted) -> AsyncIterator[Told]:
    """All entries that are wanted, oldest first, as they were when this began; some thousand in memory at most."""
    query = select(audit).where(*_filters(wanted)).order_by(audit.c.seq)
    async with database.reading() as connection:
        async for row in batches(connection, query, 0):
            yield _told(row)


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    same = [
        audit.c[name] == value
        for name in ("shop", "actor", "action", "object")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        same.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        same.append(audit.c.at < wanted.until)
    return same


def _told(row: Any) -> Told:
    return Told(**{**row, "details": json.loads(row["details"])})


async def batches(connection: AsyncConnection, query: Any, after: int) -> AsyncIterator[Any]:
    """Rows of a query in the order of their numbers, behind one of them."""
    while True:
        rows = (await connection.execute(query.where(audit.c.seq > after).limit(_BATCH))).mappings().all()
        for row in rows:
            yield row
        if len(rows) < _BATCH:
            return
        after = rows[-1]["seq"]
