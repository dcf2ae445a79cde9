"""Hooks: made, listed, deleted, tried. Address and secret are sealed; nothing shows them again."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.access.secret import secret_for
from service.acting import acting
from service.database.entries import Entry, tell
from service.database.outbox import Happened, Outbox, put_down
from service.database.session import Database
from service.database.tables_webhooks import deliveries, webhooks
from service.errors import Conflict, NotFound
from service.hooks.addresses import Allowed, Target, bad_url, resolve, target_of
from service.hooks.sending import TIMEOUT_S
from service.ids import new_id
from service.schemas.webhooks import Delivery, DeliveryPage, Webhook, WebhookIn, WebhookMade, WebhookPage
from service.settings import Settings

Row = Mapping[str, Any]
MOST_HOOKS = 20
"""Of one shop: each is a request an event."""


@dataclass(frozen=True)
class Sealer:
    """Seals what must not be read off the database."""

    key: bytes

    def seal(self, url: str, secret: str) -> str:
        """Address and secret, encrypted and authenticated (Fernet)."""
        return str(self._box.encrypt(json.dumps([url, secret]).encode()), "ascii")

    def open(self, sealed: str) -> tuple[str, str]:
        """Address and secret.

        Raises:
            ValueError: sealed with another key, or changed.
        """
        from cryptography.fernet import InvalidToken

        try:
            url, secret = json.loads(self._box.decrypt(sealed.encode()))
        except InvalidToken:
            raise ValueError("sealed with another secret") from None
        return url, secret

    @property
    def _box(self) -> Any:
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self.key))


async def sealer_for(settings: Settings, database: Database) -> Sealer:
    """The sealer of this installation; all its processes have the same."""
    return Sealer(await secret_for(settings, database, "webhooks"))


class Hooks:
    """Hooks by id and shop."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self.outbox = Outbox(database)

    async def create(self, wanted: WebhookIn) -> WebhookMade:
        """Make a hook.

        Raises:
            InvalidRequest: ``webhook_url`` — no event may be sent there.
            Conflict: ``webhooks_full``.
        """
        target = target_of(wanted.url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = await resolve(target, Allowed(self._settings.webhook_allow))
        except TimeoutError:
            address = None
        if address is None:
            raise bad_url()
        made = f"whsec_{secrets.token_urlsafe(32)}" if wanted.format == "youli" else None
        sealer = await sealer_for(self._settings, self._database)
        row = {
            "id": new_id("whk"),
            "shop": wanted.shop,
            "format": wanted.format,
            "events": list(dict.fromkeys(wanted.events)),
            "shown": shown(target),
            "sealed": sealer.seal(wanted.url, made or wanted.secret or ""),
            "active": True,
            "created_at": datetime.now(UTC),
            "created_by": acting().key[:128],
        }
        told = Entry("webhook.created", str(row["id"]), wanted.shop, {"format": wanted.format})

        async def work(connection: AsyncConnection) -> None:
            there = await connection.execute(select(webhooks.c.id).where(webhooks.c.shop == wanted.shop))
            if len(there.all()) >= MOST_HOOKS:
                raise Conflict("webhooks_full", most=MOST_HOOKS)
            await connection.execute(insert(webhooks).values(row))
            tell(connection, told)

        await self._database.write(work)
        return WebhookMade(**_told(row).model_dump(), secret=made)

    async def page(self, shop: str) -> WebhookPage:
        """The hooks of a shop."""
        query = select(webhooks).where(webhooks.c.shop == shop).order_by(webhooks.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return WebhookPage(webhooks=[_told(dict(row)) for row in rows])

    async def remove(self, hook: str, shop: str) -> Webhook:
        """Delete a hook with all that was still to be sent to it.

        Raises:
            NotFound: this shop has none of this id.
        """

        async def work(connection: AsyncConnection) -> Webhook:
            row = await _one(connection, hook, shop)
            await connection.execute(delete(deliveries).where(deliveries.c.webhook == hook))
            await connection.execute(delete(webhooks).where(webhooks.c.id == hook))
            tell(connection, Entry("webhook.deleted", hook, shop))
            return _told(row)

        return await self._database.write(work)

    async def test(self, hook: str, shop: str) -> Delivery:
        """Put an event down that only says the way is open.

        Raises:
            NotFound: this shop has none of this id.
        """
        event_id = new_id("evt")

        async def work(connection: AsyncConnection) -> None:
            await _one(connection, hook, shop)
            await put_down(connection, hook, shop, event_id, Happened("webhook.test", shop, {"webhook": hook}))

        await self._database.write(work)
        rows = await self.outbox.page(hook, shop, None, 50)
        return delivery_of(next(row for row in rows if row["event_id"] == event_id))

    async def deliveries(self, hook: str, shop: str, state: str | None, limit: int) -> DeliveryPage:
        """What was and is to be sent to a hook.

        Raises:
            NotFound: this shop has none of this id.
        """
        async with self._database.reading() as connection:
            await _one(connection, hook, shop)
        return DeliveryPage(deliveries=[delivery_of(row) for row in await self.outbox.page(hook, shop, state, limit)])

    async def again(self, hook: str, shop: str, delivery: str) -> Delivery:
        """Deliver once more.

        Raises:
            NotFound: this shop has no such hook, or it no such delivery.
        """
        async with self._database.reading() as connection:
            await _one(connection, hook, shop)
        return delivery_of(await self.outbox.again(hook, shop, delivery))


def shown(target: Target) -> str:
    """An address as it may be shown."""
    return target.shown[:300]


def delivery_of(row: Row) -> Delivery:
    """A row as the API shows it."""
    return Delivery.model_validate({name: row[name] for name in Delivery.model_fields})


async def _one(connection: AsyncConnection, hook: str, shop: str) -> Row:
    query = select(webhooks).where(webhooks.c.id == hook, webhooks.c.shop == shop)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("webhook_not_found", id=hook[:80])
    return dict(row)


def _told(row: Row) -> Webhook:
    told = {name: row[name] for name in Webhook.model_fields if name != "url"}
    return Webhook.model_validate({**told, "url": row["shown"]})
