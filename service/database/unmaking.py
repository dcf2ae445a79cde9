"""Drafts taken away with everything that hangs on them: on a buyer's request, or because their time is over.

Whatever table has a ``draft_id`` column hangs on a draft and goes with it: a new one needs no word here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

import service.database
from service.database.audit import buyer_digest
from service.database.publishing import slices_of
from service.database.session import Database
from service.database.tables import conversations, drafts, metadata

HANDLED = frozenset({"adopted", "edited"})
"""States of drafts that were sent, as they stood or changed."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Which drafts of a shop are meant; exactly one of the three."""

    shop: str
    buyer: str | None = None
    conversation: str | None = None
    draft: str | None = None

    @property
    def by(self) -> str:
        """What they are named by."""
        return "buyer" if self.buyer is not None else "conversation" if self.conversation is not None else "draft"

    @property
    def value(self) -> str:
        """The buyer, the conversation or the draft."""
        return next(one for one in (self.buyer, self.conversation, self.draft) if one is not None)


async def drafts_of(database: Database, whose: Whose) -> list[str]:
    """Ids of the drafts that are meant, oldest first.

    A buyer's are those whose inquiry named the buyer, and the others of their conversations.

    Raises:
        Unavailable: the database is busy.
    """
    named: ColumnElement[bool]
    if whose.buyer is not None:
        named = drafts.c.buyer == buyer_digest(database.secret, whose.shop, whose.buyer)
        talks = select(drafts.c.conversation).where(drafts.c.shop == whose.shop, named)
        named = or_(named, drafts.c.conversation.in_(talks))
    elif whose.conversation is not None:
        named = drafts.c.conversation == whose.conversation
    else:
        named = drafts.c.id == whose.draft
    query = select(drafts.c.id).where(drafts.c.shop == whose.shop, named).order_by(drafts.c.id)
    async with database.reading() as connection:
        return list((await connection.execute(query)).scalars())


async def drafts_before(
    database: Database, unused: datetime, used: datetime, limit: int | None
) -> list[tuple[str, str]]:
    """Shop and id of drafts whose time is over, oldest first.

    Args:
        database: whose.
        unused: drafts nobody sent are let go when they are older.
        used: those that were sent.
        limit: how many at most; None: all.
    """
    over = or_(
        and_(drafts.c.state.in_(HANDLED), drafts.c.created_at < used),
        and_(drafts.c.state.not_in(HANDLED), drafts.c.created_at < unused),
    )
    query = select(drafts.c.shop, drafts.c.id).where(over).order_by(drafts.c.id).limit(limit)
    async with database.reading() as connection:
        return [(row[0], row[1]) for row in await connection.execute(query)]


def hanging() -> list[Table]:
    """The tables whose rows hang on a draft, those that point at others first."""
    for module in pkgutil.iter_modules(service.database.__path__):
        if module.name.startswith("tables"):  # whichever part of the program this process has loaded
            importlib.import_module(f"service.database.{module.name}")
    return [table for table in reversed(metadata.sorted_tables) if "draft_id" in table.c]


async def count_hanging(database: Database, ids: Sequence[str]) -> dict[str, int]:
    """How many rows of which tables :func:`unmake` would take away."""
    found = {"drafts": len(ids)}
    async with database.reading() as connection:
        for table in hanging():
            count = select(func.count()).select_from(table)
            of = [count.where(table.c.draft_id.in_(some)) for some in slices_of(ids)]
            found[table.name] = sum([(await connection.execute(query)).scalar_one() for query in of])
    return found


async def unmake(connection: AsyncConnection, ids: Sequence[str], *, forget_talks: bool) -> dict[str, int]:
    """Take drafts away with what hangs on them, in a transaction of the caller's; how many rows of which tables.

    Args:
        connection: of the writer.
        ids: the drafts.
        forget_talks: also forget how far their conversations had come, where other drafts of them stay: what is kept
            of it is made from the messages.
    """
    gone = dict.fromkeys(("drafts", "conversations", *(table.name for table in hanging())), 0)
    for some in slices_of(ids):
        talks = select(drafts.c.shop, drafts.c.conversation).where(drafts.c.id.in_(some)).distinct()
        met = [(row[0], row[1]) for row in await connection.execute(talks) if row[1] is not None]
        for table in hanging():
            done = await connection.execute(delete(table).where(table.c.draft_id.in_(some)))
            gone[table.name] += done.rowcount
        gone["drafts"] += (await connection.execute(delete(drafts).where(drafts.c.id.in_(some)))).rowcount
        gone["conversations"] += await _talks(connection, met, forget_talks)
    return gone


async def _talks(connection: AsyncConnection, met: Sequence[tuple[str, str]], all_of_them: bool) -> int:
    gone = 0
    for shop, conversation in met:
        of = and_(conversations.c.shop == shop, conversations.c.conversation == conversation)
        if not all_of_them:
            left = exists().where(drafts.c.shop == shop, drafts.c.conversation == conversation)
            of = and_(of, ~left)
        gone += (await connection.execute(delete(conversations).where(of))).rowcount
    return gone


def batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Ids, some at a time, so that nobody waits long for the writer."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
