"""Events into the outbox, in the transaction that makes them; deliveries out of it, one worker at a time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.acting import ANY_SHOP
from service.database.session import Database
from service.database.tables_webhooks import deliveries, webhooks
from service.errors import NotFound
from service.ids import new_id

Row = Mapping[str, Any]
GIVE_UP = timedelta(hours=24)
"""After this a delivery is dead: whoever comes back after a day asks for what is, not for what was."""
FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=4)
"""Between two attempts: the first wait, doubled with each, and the longest; up to half as much again by chance."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event: ids and counts only, never a word of a buyer's or an agent's."""

    event: str
    shop: str
    """Whose; :data:`ANY_SHOP` is told to every shop's hooks."""
    data: Mapping[str, Any]
    id: str | None = None
    """Where it must be told once however often it is noticed; a new one otherwise."""
    at: datetime | None = None
    """When it happened, where it is noticed later: hooks made since do not hear of it."""


async def emit(connection: AsyncConnection, happened: Happened) -> int:
    """Put an event down for every hook that wants it; to be called in the transaction that makes it.

    Returns:
        How many hooks will hear of it.
    """
    query = select(webhooks.c.id, webhooks.c.shop, webhooks.c.events).where(webhooks.c.active.is_(True))
    if happened.shop != ANY_SHOP:
        query = query.where(webhooks.c.shop == happened.shop)
    if happened.at is not None:
        query = query.where(webhooks.c.created_at <= happened.at)
    wanting = [row for row in await connection.execute(query) if happened.event in row.events]
    event_id = happened.id or new_id("evt")
    told = 0
    for hook in wanting:
        told += await put_down(connection, hook.id, hook.shop, event_id, happened)
    return told


async def put_down(connection: AsyncConnection, hook: str, shop: str, event_id: str, happened: Happened) -> bool:
    """Put an event down for one hook; False where it has been."""
    there = select(deliveries.c.id).where(deliveries.c.webhook == hook, deliveries.c.event_id == event_id)
    if (await connection.execute(there)).first() is not None:
        return False
    now = datetime.now(UTC)
    body = {
        "id": event_id,
        "type": happened.event,
        "created_at": now.isoformat(),
        "shop": shop,
        "data": dict(happened.data),
    }
    row = {
        "id": new_id("dlv"),
        "webhook": hook,
        "shop": shop,
        "event_id": event_id,
        "event": happened.event,
        "body": body,
        "state": "waiting",
        "attempts": 0,
        "next_at": now,
        "created_at": now,
        "give_up_at": now + GIVE_UP,
    }
    await connection.execute(insert(deliveries).values(row))
    return True


class Outbox:
    """What is to be delivered; any number of workers may ask for some."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, happened: Happened) -> int:
        """An event that has no transaction of its own."""
        return await self._database.write(lambda connection: emit(connection, happened))

    async def due(self) -> bool:
        """Whether anything is to be sent now; looks only."""
        async with self._database.reading() as connection:
            query = select(deliveries.c.id).where(*_due(datetime.now(UTC))).limit(1)
            return (await connection.execute(query)).first() is not None

    async def lease(self, most: int, seconds: float) -> list[Row]:
        """Some that are due, each with its hook; nobody else gets them for that long.

        Every shop's oldest before any shop's second: receivers of one shop that hang must not keep the others waiting.
        """

        async def work(connection: AsyncConnection) -> list[Row]:
            now = datetime.now(UTC)
            turn = func.row_number().over(partition_by=deliveries.c.shop, order_by=deliveries.c.next_at)
            ranked = select(deliveries.c.id, deliveries.c.next_at, turn.label("turn")).where(*_due(now)).subquery()
            first = select(ranked.c.id).order_by(ranked.c.turn, ranked.c.next_at).limit(most)
            due = select(deliveries).where(deliveries.c.id.in_(first), *_due(now)).order_by(deliveries.c.next_at)
            rows = (await connection.execute(due.with_for_update(skip_locked=True))).mappings().all()
            ids = [row["id"] for row in rows]
            until = now + timedelta(seconds=seconds)
            await connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(leased_until=until))
            hooks = select(webhooks).where(webhooks.c.id.in_([row["webhook"] for row in rows]))
            known = {row["id"]: dict(row) for row in (await connection.execute(hooks)).mappings()}
            return [{**row, "hook": known.get(row["webhook"])} for row in rows]

        return await self._database.write(work)

    async def settle(self, row: Row, status: int | None, error: str | None) -> None:
        """Write down how an attempt ended: delivered, to be tried again, or given up."""
        now = datetime.now(UTC)
        attempts = row["attempts"] + 1
        values: dict[str, Any] = {"attempts": attempts, "status": status, "error": error, "leased_until": None}
        if error is None:
            values |= {"state": "delivered", "done_at": now}
        else:
            later = now + wait_after(attempts)
            gone = row["hook"] is None or not row["hook"]["active"] or later > row["give_up_at"]
            values |= {"state": "dead", "done_at": now} if gone else {"next_at": later}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(deliveries).where(deliveries.c.id == row["id"]).values(values))

        await self._database.write(work)

    async def again(self, hook: str, shop: str, delivery: str) -> Row:
        """Deliver once more, whatever became of it; the event keeps its id.

        Raises:
            NotFound: this shop's hook has none of this id.
        """
        mine = (deliveries.c.id == delivery, deliveries.c.webhook == hook, deliveries.c.shop == shop)

        async def work(connection: AsyncConnection) -> Row:
            now = datetime.now(UTC)
            values = {"state": "waiting", "next_at": now, "give_up_at": now + GIVE_UP, "done_at": None}
            await connection.execute(update(deliveries).where(*mine).values(values))
            row = (await connection.execute(select(deliveries).where(*mine))).mappings().first()
            if row is None:
                raise NotFound("delivery_not_found", id=delivery[:80])
            return dict(row)

        return await self._database.write(work)

    async def page(self, hook: str, shop: str, state: str | None, limit: int) -> list[Row]:
        """Deliveries of a hook, newest first."""
        where = [deliveries.c.webhook == hook, deliveries.c.shop == shop]
        where += [deliveries.c.state == state] if state else []
        query = select(deliveries).where(*where).order_by(deliveries.c.id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def forget(self, days: float) -> None:
        """Delete what was delivered or given up that long ago."""
        before = datetime.now(UTC) - timedelta(days=days)

        async def work(connection: AsyncConnection) -> None:
            done = (deliveries.c.state != "waiting", deliveries.c.done_at < before)
            await connection.execute(delete(deliveries).where(*done))

        await self._database.write(work)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts that failed."""
    plain: timedelta = min(FIRST * (1 << min(attempts - 1, 20)), LONGEST)
    return plain * (1 + random.random() / 2)


def _due(now: datetime) -> Sequence[Any]:
    free = or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= now)
    return deliveries.c.state == "waiting", deliveries.c.next_at <= now, free
