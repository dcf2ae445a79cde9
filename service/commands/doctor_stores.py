"""The doctor's look at keys, the audit trail and the clock in the database, and at the servers others keep for us."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from service.acting import ANY_SHOP
from service.commands.words import word
from service.errors import YouliError
from service.settings import Settings

Seen = tuple[str, str, str]
"""Part, state and text of a line."""

SOON = timedelta(days=14)
"""A key that expires within this is told of."""
AHEAD = timedelta(minutes=5)
"""A row this far in the future means a clock that was wrong, then or now."""
LONGEST_TRAIL = 20_000
"""Rows of the audit trail that are followed here; a longer one has a command of its own."""
PATIENCE_S = 3.0


def _say(name: str, **parameters: object) -> str:
    return word("doctor", name, **parameters)


def look_inside(settings: Settings) -> Iterator[Seen]:
    """Keys, trail and clock of a database that has this version's schema.

    Raises:
        YouliError: it cannot be read.
    """
    yield from asyncio.run(_inside(settings))


async def _inside(settings: Settings) -> list[Seen]:
    from service.database.session import Database

    database = await Database.open(settings.database)
    try:
        from service.database.keys import KeyTable
        from service.database.reach import newest_row, trail_rows
        from service.database.verifying import verify

        keys = await KeyTable(database).list(None)
        seen = list(_keys(settings, keys))
        if await trail_rows(database) > LONGEST_TRAIL:
            seen.append(("audit", "ok", _say("audit_long")))
        else:
            found = await verify(database)
            state = "ok" if found.sound and found.guarded else "gate"
            name = "audit" if state == "ok" else "audit_broken" if found.problems else "audit_unguarded"
            seen.append(("audit", state, _say(name, rows=found.rows, problems=len(found.problems), head=found.head)))
        seen.append(_clock(await newest_row(database)))
        return seen
    finally:
        await database.close()


def _keys(settings: Settings, rows: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    now = datetime.now(UTC)
    if settings.auth == "off":
        yield "keys", "ok", _say("keys_off")
        return
    usable = [row for row in rows if row["revoked_at"] is None and (row["expires_at"] or now + SOON) > now]
    if not any(row["role"] == "admin" and row["shop"] == ANY_SHOP for row in usable):
        yield "keys", "note", _say("keys_no_admin")
    soon = [str(row["name"]) for row in usable if row["expires_at"] is not None and row["expires_at"] - now < SOON]
    if soon:
        shown = "、".join(name[:40] for name in soon[:5])
        yield "keys", "note", _say("keys_soon", count=len(soon), days=SOON.days, names=shown)
    elif usable:
        yield "keys", "ok", _say("keys", count=len(usable))


def _clock(newest: datetime | None) -> Seen:
    ahead = newest - datetime.now(UTC) if newest is not None else timedelta()
    if ahead > AHEAD:
        return "clock", "gate", _say("clock_behind", minutes=round(ahead.total_seconds() / 60))
    return "clock", "ok", _say("clock")


def look_at_servers(settings: Settings, online: bool) -> Iterator[Seen]:
    """The servers that are set; asked who they are only when told to."""
    if settings.redis_url is not None:
        yield "redis", *_asked(online, "redis", lambda: asyncio.run(_redis(str(settings.redis_url))))
    if settings.chroma_url is not None:
        yield "chroma", *_asked(online, "chroma_server", lambda: _chroma(str(settings.chroma_url)))


def look_at_database(settings: Settings) -> tuple[str, str, bool]:
    """State and text for a database of one's own address, and whether it has this version's schema."""
    from service.database.tables import HEAD

    try:
        kind, revision = asyncio.run(_database(settings))
    except (YouliError, OSError, TimeoutError) as error:
        return "broken", _say("database_away", reason=getattr(error, "detail", type(error).__name__)), False
    if revision is None:
        return "ok", _say("database_empty", kind=kind), False
    if revision != HEAD:
        return "note", _say("database_old", version=revision, head=HEAD), False
    return "ok", _say("database_at", kind=kind, version=revision), True


def _asked(online: bool, name: str, ask: Callable[[], str]) -> tuple[str, str]:
    if not online:
        return "ok", _say(f"{name}_set")
    try:
        return "ok", _say(name, version=ask())
    except Exception as error:  # of whatever library: it does not answer as it should
        return "gate", _say(f"{name}_away", reason=type(error).__name__)


async def _database(settings: Settings) -> tuple[str, str | None]:
    from service.database.reach import peek

    return await asyncio.wait_for(peek(settings.database), PATIENCE_S)


async def _redis(url: str) -> str:
    from redis.asyncio import Redis

    client = Redis.from_url(url, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S)
    try:
        return str((await client.info("server"))["redis_version"])
    finally:
        await client.aclose()


def _chroma(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(url)
    with urllib.request.urlopen(f"{url.rstrip('/')}/api/v2/version", timeout=PATIENCE_S) as answer:
        return str(json.loads(answer.read(1_000)))[:40]
