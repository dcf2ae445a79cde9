"""Where hits and tokens are counted: in Redis when one is set, in this process otherwise and while Redis is gone.

A limiter that stands still because its counter does would do more harm than one that counts a little less: on the
first failure counting goes on in memory, says so once, and asks Redis again every few seconds until it is back. Several
processes then count for themselves, so a key may get its rate from each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import structlog

from service.errors import EnvironmentProblem
from service.limiting.numbers import Rates, utc_now

if TYPE_CHECKING:
    from limits.aio.storage import Storage

    from service.limiting.memory import Memory

T = TypeVar("T")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CountingState:
    """For people and metrics: where is counted."""

    kind: Literal["memory", "redis"]
    """What is set."""
    up: bool
    """Whether it is used; False: counted in memory meanwhile."""
    since: datetime | None = None
    """Since when not."""


class Counting:
    """The counter of one process. Nothing of it is imported or connected before the first count.

    Args:
        url: of Redis, or None.
        rates: how long it may take, and when it is asked again.
    """

    def __init__(self, url: str | None, rates: Rates) -> None:
        self._url, self._rates = url, rates
        self._memory: Memory | None = None
        self._redis: Storage | None = None
        self._down: datetime | None = None
        self._mending: asyncio.Task[None] | None = None

    @property
    def state(self) -> CountingState:
        """Where is counted now."""
        return CountingState("redis" if self._url else "memory", self._down is None, self._down)

    async def open(self) -> None:
        """Connect, so that what is wrong is told at the start; Redis being gone is no reason not to serve.

        Raises:
            EnvironmentProblem: the address is none.
        """

        async def there(storage: Storage) -> None:
            if not await storage.check():
                raise ConnectionError

        if self._url is not None:
            await self.count(there)

    async def count(self, how: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with the store, a :class:`limits.aio.storage.Storage`."""
        if self._url is not None and self._down is None:
            try:
                async with asyncio.timeout(2 * self._rates.redis_timeout_s):
                    return await how(self._shared())
            except Exception as error:
                if not self._lost(error):
                    raise
        return await how(self._own())

    async def close(self) -> None:
        """Let go of the connections."""
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)
        if self._redis is not None:
            with contextlib.suppress(Exception):
                await self._redis.bridge.get_connection().aclose()  # type: ignore[attr-defined]

    def own_counts(self) -> dict[str, int]:
        """What is counted in this process."""
        return {} if self._memory is None else self._memory.counts()

    def _own(self) -> Memory:
        if self._memory is None:
            from service.limiting.memory import Memory

            self._memory = Memory()
        return self._memory

    def _shared(self) -> Storage:
        if self._redis is None:
            from limits.aio.storage import RedisStorage
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            wait = self._rates.redis_timeout_s
            options: dict[str, Any] = {"socket_timeout": wait, "socket_connect_timeout": wait, "max_connections": 64}
            options["retry"] = Retry(NoBackoff(), 0)
            address = f"async+{self._url}"
            try:
                made = RedisStorage(address, implementation="redispy", key_prefix="youli", **options)
            except Exception as error:  # the library, the client and the parser each raise their own
                raise EnvironmentProblem(
                    "setting_invalid", name="YOULI_REDIS_URL", reason=type(error).__name__
                ) from None
            self._redis = made
        return self._redis

    def _lost(self, error: Exception) -> bool:
        """Whether it was the store that failed; if so, count in memory until it is back."""
        from redis.exceptions import RedisError

        if not isinstance(error, (RedisError, OSError, TimeoutError)):
            return False
        if self._down is None:
            self._down = utc_now()
            _log.warning("limits_redis_down", error=type(error).__name__)
            self._mending = asyncio.create_task(self._mend())
        return True

    async def _mend(self) -> None:
        """Ask again until it answers."""
        while True:
            await asyncio.sleep(self._rates.redis_retry_s)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2 * self._rates.redis_timeout_s):
                    if await self._shared().check():
                        break
        self._down = None
        _log.warning("limits_redis_back")
