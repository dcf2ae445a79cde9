"""Keys given out and taken back, for the server and for the command line alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from service.access import tokens
from service.access.rules import above, access_rules
from service.acting import ANY_SHOP, acting
from service.database.entries import Entry
from service.database.keys import KeyTable
from service.database.knowledge import Row
from service.database.session import Database
from service.errors import InvalidRequest, NotFound, messages
from service.ids import new_id
from service.schemas.keys import KeyIn, KeyInfo, KeyMade, KeyPage

_SHOWN = tuple(KeyInfo.model_fields)


class Keys:
    """The keys of a database.

    Args:
        database: keeps them.
    """

    def __init__(self, database: Database) -> None:
        self._table = KeyTable(database)

    async def create(self, wanted: KeyIn) -> KeyMade:
        """Make a key; the answer is the only place where it ever stands.

        Raises:
            InvalidRequest: ``key_all_shops``, ``key_context_role``, ``key_expired``.
        """
        row, token = _row(wanted)
        await self._table.add(row, _made(row))
        return KeyMade(**_shown(row), key=token)

    async def first(self, name: str) -> KeyMade | None:
        """Make an admin's key for all shops where there is no usable one; otherwise None."""
        row, token = _row(KeyIn(name=name, role="admin", shop=ANY_SHOP, expires_at=None))
        if not await self._table.add_first(row, _made(row)):
            return None
        return KeyMade(**_shown(row), key=token)

    async def list(self, shop: str | None = None) -> KeyPage:
        """Keys, oldest first; of one shop, where one is given."""
        return KeyPage(keys=[KeyInfo(**_shown(row)) for row in await self._table.list(shop)])

    async def revoke(self, key_id: str, shop: str | None = None) -> KeyInfo:
        """Let a key open nothing any more; a second time changes nothing.

        Args:
            key_id: which.
            shop: only if it is this shop's.

        Raises:
            NotFound: ``key_not_found``.
        """
        found = await self._table.get(key_id, shop)
        if found is None:
            raise NotFound("key_not_found", id=key_id[:80])
        if found["revoked_at"] is None:
            told = Entry("key.revoked", key_id, found["shop"], {"role": found["role"]})
            await self._table.revoke(key_id, acting().key, told)
            found = await self._table.get(key_id, shop) or found
        return KeyInfo(**_shown(found))


def _row(wanted: KeyIn) -> tuple[dict[str, Any], str]:
    """The row of a new key, and the key."""
    rules = access_rules()
    role = rules.roles[wanted.role]
    own = acting().context_role  # nobody hands on grants above their own
    context_role = wanted.context_role or (own if above(role.context_role, own) else role.context_role)
    if wanted.shop == ANY_SHOP and wanted.role != "admin":
        raise _wrong("key_all_shops", "/shop")
    if above(context_role, role.highest) or above(context_role, own):
        raise _wrong("key_context_role", "/context_role")
    now = datetime.now(UTC)
    expires = wanted.expires_at
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    if "expires_at" not in wanted.model_fields_set:
        expires = now + timedelta(days=rules.key_days)
    if expires is not None and expires <= now:
        raise _wrong("key_expired", "/expires_at")
    prefix, secret = tokens.new_token()
    row = {
        "id": new_id("key"),
        "shop": wanted.shop,
        "prefix": prefix,
        "digest": tokens.digest(secret),
        "name": wanted.name,
        "role": wanted.role,
        "context_role": context_role,
        "rate_per_minute": wanted.rate_per_minute,
        "tokens_per_day": wanted.tokens_per_day,
        "created_at": now,
        "created_by": acting().key,
        "expires_at": expires,
        "revoked_at": None,
        "revoked_by": None,
        "last_used_at": None,
    }
    return row, tokens.written(prefix, secret)


def _made(row: Row) -> Entry:
    details = {name: row[name] for name in ("role", "context_role", "rate_per_minute", "tokens_per_day")}
    expires = row["expires_at"]
    details["expires_at"] = expires.isoformat(timespec="seconds") if expires else None
    return Entry("key.created", row["id"], row["shop"], details)


def _shown(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}


def _wrong(code: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(code, errors=[{"pointer": pointer, "message": messages()[code]["detail"]}])
