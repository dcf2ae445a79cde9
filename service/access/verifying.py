"""Who a bearer is: a key looked up, kept for a few seconds; the same work and the same answer for every bad one.

A key that was good is trusted for :data:`TRUST_S` without asking the database again. So what another process revokes
holds here after that time at most, and what this one revokes at once. Only whole good keys are remembered: of a guess
nothing is, so that no guess is answered faster than another.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from service.access import tokens
from service.acting import Acting, ContextRole, Role
from service.database.keys import KeyTable
from service.database.knowledge import Row
from service.database.session import Database
from service.errors import YouliError

TRUST_S = 5.0
"""Seconds a verified key is trusted."""
KEPT = 4_096
"""Verified keys remembered at once; more are asked about again."""
USED_S = 60.0
"""Seconds between two notes of a key's last use."""

STRANGER = Acting("stranger", "agent", "", "agent")
"""Somebody without a key, at a door that answers anybody: of no shop at all."""
_NO_DIGEST = "0" * 64
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Somebody who was let in."""

    id: str
    """Of the key; ``oidc:…`` for a token."""
    role: Role
    shop: str
    context_role: ContextRole
    rate_per_minute: int | None = None
    """None: the setting's."""
    tokens_per_day: int | None = None
    expires_at: datetime | None = None

    def acting(self, request: str) -> Acting:
        """As the rest of the program knows it."""
        return Acting(self.id, self.role, self.shop, self.context_role, request)


class Verifier:
    """Knows keys.

    Args:
        database: keeps them.
        clock: seconds that only go forward.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._table, self._clock = KeyTable(database), clock
        self._good: OrderedDict[bytes, tuple[Bearer, float]] = OrderedDict()
        self._revoked: set[str] = set()
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def verify(self, token: str | None) -> Bearer | None:
        """Whose key this is; None for every other text, whatever is wrong with it.

        Raises:
            Unavailable: the database cannot be asked.
        """
        name = hashlib.sha256((token or "").encode("utf-8", "replace")).digest()
        bearer = self._remembered(name) or await self._asked(token, name)
        if bearer is None or bearer.id in self._revoked:
            return None
        self._note(bearer.id)
        return bearer

    def forget(self, key_id: str) -> None:
        """Trust a key no longer, not even one that is being asked about just now: it was revoked."""
        self._revoked.add(key_id)
        for name in [name for name, (bearer, _) in self._good.items() if bearer.id == key_id]:
            del self._good[name]

    async def close(self) -> None:
        """Wait for what is being noted."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    def _remembered(self, name: bytes) -> Bearer | None:
        kept = self._good.get(name)
        if kept is None or self._clock() - kept[1] >= TRUST_S or _over(kept[0].expires_at):
            return None
        return kept[0]

    async def _asked(self, token: str | None, name: bytes) -> Bearer | None:
        prefix, secret = tokens.parts(token)
        asked_at = self._clock()
        row = await self._table.find(prefix)
        right = tokens.same(secret, row["digest"] if row is not None else _NO_DIGEST)
        if row is None or not right or row["revoked_at"] is not None or _over(row["expires_at"]):
            return None
        bearer = _bearer(row)
        self._good[name] = (bearer, asked_at)
        self._good.move_to_end(name)
        while len(self._good) > KEPT:
            self._good.popitem(last=False)
        return bearer

    def _note(self, key_id: str) -> None:
        """Write the time of use down beside the request, once a minute."""
        now = self._clock()
        if now - self._noted.get(key_id, -USED_S) < USED_S:
            return
        if len(self._noted) >= KEPT:
            self._noted.clear()
        self._noted[key_id] = now
        task = asyncio.create_task(self._written(key_id), name="key-used")
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _written(self, key_id: str) -> None:
        at = datetime.now(UTC)
        try:
            await self._table.used(key_id, at - timedelta(seconds=at.second, microseconds=at.microsecond))
        except YouliError as error:  # nobody waits for it, and nothing depends on it
            _log.warning("key_use_not_noted", key=key_id, code=error.code)
        except Exception as error:
            _log.warning("key_use_not_noted", key=key_id, code=type(error).__name__)


def _over(expires: datetime | None) -> bool:
    return expires is not None and expires <= datetime.now(UTC)


def _bearer(row: Row) -> Bearer:
    return Bearer(
        row["id"],
        row["role"],
        row["shop"],
        row["context_role"],
        row["rate_per_minute"],
        row["tokens_per_day"],
        row["expires_at"],
    )
