"""How often a key may ask: so many requests in any minute, counted with ``limits``' moving window."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.limiting.counting import Counting
from service.limiting.numbers import Rates


@dataclass(frozen=True, slots=True)
class Quota:
    """How a key stands after a request was counted."""

    allowed: bool
    limit: int
    window_s: int
    remaining: int
    reset_s: float
    """Seconds until the oldest request counted leaves the window, and one more is let in."""

    def headers(self) -> Mapping[str, str]:
        """``RateLimit`` and ``RateLimit-Policy`` as the IETF's draft (httpapi-ratelimit-headers) writes them."""
        left = f'"requests";r={self.remaining};t={math.ceil(self.reset_s)}'
        return {"RateLimit-Policy": f'"requests";q={self.limit};w={self.window_s}', "RateLimit": left}


class RateLimit:
    """The rates of all keys."""

    def __init__(self, counting: Counting, rates: Rates) -> None:
        self._counting, self._window = counting, rates.window_s

    async def hit(self, key: str, limit: int) -> Quota:
        """Count one request of a key that may make ``limit`` in a window; one too many is not counted."""
        from limits import RateLimitItemPerSecond

        item = RateLimitItemPerSecond(limit, self._window, "rate")
        name, expiry = item.key_for(key), item.get_expiry()

        async def counted(storage: Any) -> tuple[bool, float, int]:
            allowed = await storage.acquire_entry(name, limit, expiry)
            return (allowed, *(await storage.get_moving_window(name, limit, expiry)))

        allowed, oldest, used = await self._counting.count(counted)
        reset = min(max(0.0, oldest + self._window - time.time()), self._window) if used else 0.0
        return Quota(allowed, limit, self._window, max(0, limit - used), reset)
