"""The audit trail verified: every row as it was hashed, every one behind the other, up to the head that was noted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.audit import HEAD_ROW, NOTHING, row_hash
from service.database.session import Database
from service.database.tables_audit import audit, audit_head
from service.database.trail import batches
from service.errors import InvalidRequest

_NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_TRIGGERS = {
    "sqlite": (6, "SELECT name FROM sqlite_master WHERE type = 'trigger'"),
    "postgresql": (3, "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D' AND NOT tgisinternal"),
}
"""How many guard the trail, and what lists those there are: see the migration that makes them."""
_SHOWN = 50
"""Problems named at most: one forged row may break every row behind it."""


class Broken(StrEnum):
    """What is wrong with a row, or with the trail as a whole."""

    MISSING = "missing"  # a row before this one is gone, or this one was put in
    UNLINKED = "unlinked"  # it does not follow the row before it
    CHANGED = "changed"  # it does not say what was hashed
    END = "end"  # the last row is not the one the head names
    HEAD = "head"  # the head itself is gone
    CUT_OFF = "cut_off"  # shorter than it was when its head was noted
    OTHER = "other"  # another chain than the one that was noted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold."""

    seq: int
    what: Broken


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look through the whole chain found."""

    rows: int
    first: int
    """Number of the first row there should be; the ones before it were let go by retention."""
    last: int
    head: str
    """``SEQ:HASH`` of the head, to be noted elsewhere."""
    problems: Sequence[Problem] = ()
    guarded: bool = True
    """Whether the triggers that refuse changes are all there."""

    @property
    def sound(self) -> bool:
        """True when every row is there as it was written."""
        return not self.problems


async def head_of(database: Database) -> str:
    """``SEQ:HASH`` of the last row; noted where nobody can change both, it proves that nothing was cut off.

    Raises:
        Unavailable: the database is busy.
    """
    async with database.reading() as connection:
        row = (await connection.execute(select(audit_head).where(audit_head.c.id == HEAD_ROW))).mappings().first()
    return f"{row['seq']}:{row['hash']}" if row else f"0:{NOTHING}"


@dataclass(slots=True)
class _Walk:
    """The chain followed from its beginning."""

    seq: int
    hash: str
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)

    def step(self, row: Any) -> None:
        """Look at the next row, and go on from what it says of itself."""
        self.rows += 1
        if row["seq"] != self.seq + 1:
            self.found(row["seq"], Broken.MISSING)
        elif row["prev"] != self.hash:
            self.found(row["seq"], Broken.UNLINKED)
        elif row["hash"] != _hash_of(row):
            self.found(row["seq"], Broken.CHANGED)
        self.seq, self.hash = row["seq"], row["hash"]

    def found(self, seq: int, what: Broken) -> None:
        """Note a problem, the first ones only."""
        if len(self.problems) < _SHOWN:
            self.problems.append(Problem(seq, what))


def _hash_of(row: Any) -> str:
    told = [row[name] for name in ("actor", "role", "shop", "request", "action", "object", "details")]
    return row_hash(row["prev"], row["seq"], row["at"], told)


async def verify(database: Database, noted: str | None = None) -> Verified:
    """Follow the chain from its first row to its head.

    Args:
        database: whose.
        noted: ``SEQ:HASH`` as :func:`head_of` once gave it.

    Raises:
        InvalidRequest: ``audit_head_unread`` — ``noted`` is no such thing.
        Unavailable: the database is busy.
    """
    wanted = _noted(noted)
    async with database.reading() as connection:
        head = (await connection.execute(select(audit_head).where(audit_head.c.id == HEAD_ROW))).mappings().first()
        if head is None:
            return Verified(0, 1, 0, f"0:{NOTHING}", [Problem(0, Broken.HEAD)])
        guarded = await _guarded(connection)
        walk = _Walk(head["cut_seq"], head["cut_hash"])
        met = {head["cut_seq"]: head["cut_hash"]}
        # on PostgreSQL rows may be added while this goes on: those behind the head that was read are not of it
        query = select(audit).order_by(audit.c.seq)
        if connection.dialect.name != "sqlite":
            query = query.where(audit.c.seq <= head["seq"])
        async for row in batches(connection, query, head["cut_seq"] if await _clean(connection, head) else -1):
            walk.step(row)
            if wanted is not None and row["seq"] == wanted[0]:
                met[row["seq"]] = row["hash"]
    if (walk.seq, walk.hash) != (head["seq"], head["hash"]):
        walk.found(head["seq"], Broken.END)
    if wanted is not None and wanted[0] >= head["cut_seq"] and met.get(wanted[0], "") != wanted[1]:
        walk.found(wanted[0], Broken.CUT_OFF if wanted[0] > walk.seq else Broken.OTHER)
    return Verified(walk.rows, head["cut_seq"] + 1, walk.seq, f"{head['seq']}:{head['hash']}", walk.problems, guarded)


async def _guarded(connection: AsyncConnection) -> bool:
    count, names = _TRIGGERS[connection.dialect.name]
    found = [row[0] for row in await connection.execute(text(names))]
    return bool(sum(name.startswith("audit_") for name in found) >= count)


async def _clean(connection: AsyncConnection, head: Any) -> bool:
    """True when no row is left before the cut."""
    query = select(audit.c.seq).where(audit.c.seq <= head["cut_seq"]).limit(1)
    return (await connection.execute(query)).first() is None


def _noted(noted: str | None) -> tuple[int, str] | None:
    if noted is None:
        return None
    match = _NOTED.fullmatch(noted)
    if match is None:
        raise InvalidRequest("audit_head_unread")
    return int(match[1]), match[2]
