"""``youli keys``: keys made, listed and revoked in the database, whether the service runs or not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from service.commands.words import faint, name_of, printable, strong, word
from service.errors import UsageError
from service.settings import prepare_data_dir, read_settings

if TYPE_CHECKING:
    from service.access.keys import Keys
    from service.schemas.keys import KeyIn, KeyInfo

T = TypeVar("T")
_SPAN = re.compile(r"([1-9]\d{0,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
NEVER = "never"


@dataclass(frozen=True)
class KeyOptions:
    """What was asked for on the command line."""

    name: str
    role: str
    shop: str
    context_role: str | None
    expires: str | None
    rate: int | None
    tokens: int | None


def run_create(options: KeyOptions, as_json: bool) -> int:
    """Make a key and show it, once.

    Raises:
        UsageError: a time nobody can read.
        InvalidRequest: options that do not go together.
    """
    wanted = _wanted(options)
    made = _with_keys(lambda keys: keys.create(wanted))
    if as_json:
        print(made.model_dump_json(indent=2))
        return 0
    print(strong(made.key))
    print(word("keys", "made", id=made.id))
    print(faint(_line(made)))
    return 0


def run_list(shop: str | None, as_json: bool) -> int:
    """List the keys."""
    page = _with_keys(lambda keys: keys.list(shop))
    if as_json:
        print(page.model_dump_json(indent=2))
        return 0
    for key in page.keys:
        print(printable(_line(key)))
    if not page.keys:
        print(word("keys", "none"))
    return 0


def run_revoke(key_id: str, as_json: bool) -> int:
    """Let a key open nothing any more.

    Raises:
        NotFound: there is no such key.
    """
    left = _with_keys(lambda keys: keys.revoke(key_id))
    print(left.model_dump_json(indent=2) if as_json else word("keys", "revoked", id=left.id, name=printable(left.name)))
    return 0


def _wanted(options: KeyOptions) -> KeyIn:
    from service.intake import read_model
    from service.schemas.keys import KeyIn

    told: dict[str, Any] = {"name": options.name, "role": options.role, "shop": options.shop}
    told |= {"context_role": options.context_role, "rate_per_minute": options.rate, "tokens_per_day": options.tokens}
    if options.expires is not None:
        told["expires_at"] = _until(options.expires)
    return read_model(KeyIn, told)


def _until(span: str) -> str | None:
    """The end of a span like ``90d``; None for never.

    Raises:
        UsageError: it is none.
    """
    if span == NEVER:
        return None
    found = _SPAN.fullmatch(span)
    if found is None:
        raise UsageError(reason=word("keys", "bad_span", span=span[:20]))
    return (datetime.now(UTC) + timedelta(hours=int(found[1]) * _HOURS[found[2]])).isoformat()


def _with_keys(work: Callable[[Keys], Awaitable[T]]) -> T:
    """Run something on the keys of the data folder."""
    from service.access.keys import Keys
    from service.database.session import Database

    async def whole() -> T:
        settings = read_settings()
        prepare_data_dir(settings)
        database = await Database.open(settings.database)
        try:
            return await work(Keys(database))
        finally:
            await database.close()

    return asyncio.run(whole())


def _line(key: KeyInfo) -> str:
    """A key in one line."""
    state = "revoked_state" if key.revoked_at else "expired_state" if _over(key) else "good_state"
    until = word("keys", "until", day=_day(key.expires_at)) if key.expires_at else word("keys", "no_end")
    used = word("keys", "used", day=_day(key.last_used_at)) if key.last_used_at else word("keys", "unused")
    role, shop = name_of("key_role", key.role), word("keys", "all_shops") if key.shop == "*" else key.shop
    highest = name_of("context_role", key.context_role)
    told = (key.id, f"yl_{key.prefix}…", key.name, role, shop, highest, word("keys", state), until, used)
    return " · ".join(told)


def _over(key: KeyInfo) -> bool:
    return key.expires_at is not None and key.expires_at <= datetime.now(UTC)


def _day(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")
