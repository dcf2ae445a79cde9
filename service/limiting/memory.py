"""Counts in memory, for the strategies of ``limits``: exact, a few microseconds, no thread and no task of its own.

The library's own memory store starts a task and a thread for every hit. Keys are known callers, so there are few; what
is over is dropped when its key is counted again, or looked through once in a while.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from limits.aio.storage import MovingWindowSupport, Storage

_SWEEP = 10_000
"""Keys from which on those that are over are looked for."""


class Memory(Storage, MovingWindowSupport):
    """A store of ``limits``; times are monotonic, so a jump of the clock neither frees nor blocks anybody."""

    STORAGE_SCHEME = ["async+youli-memory"]  # noqa: RUF012 - the library declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._hits: dict[str, deque[float]] = {}
        self._counts: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own."""
        return ValueError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count ``amount`` hits if they fit into the window."""
        if amount > limit:
            return False
        hits, now = self._window(key, expiry), time.monotonic()
        if len(hits) + amount > limit:
            return False
        hits.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest hit in the window was, by the wall clock as ``limits`` has it, and how many there are."""
        hits = self._window(key, expiry)
        age = time.monotonic() - hits[0] if hits else 0.0
        return time.time() - age, len(hits)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count that is forgotten ``expiry`` seconds after its first."""
        if len(self._counts) > _SWEEP:
            self._sweep()
        now = time.monotonic()
        count, until = self._counts.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counts[key] = (count + amount, until)
        return count + amount

    async def get(self, key: str) -> int:
        """A count."""
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > time.monotonic() else 0

    def counts(self) -> dict[str, int]:
        """All counts that are not over."""
        now = time.monotonic()
        return {key: count for key, (count, until) in self._counts.items() if until > now}

    async def get_expiry(self, key: str) -> float:
        """When a count is forgotten, by the wall clock."""
        return time.time() + max(0.0, self._counts.get(key, (0, 0.0))[1] - time.monotonic())

    async def check(self) -> bool:
        """It is always there."""
        return True

    async def reset(self) -> int:
        """Forget everything."""
        many = len(self._hits) + len(self._counts)
        self._hits.clear()
        self._counts.clear()
        return many

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._hits.pop(key, None)
        self._counts.pop(key, None)

    def _window(self, key: str, expiry: int) -> deque[float]:
        if len(self._hits) > _SWEEP:
            self._sweep()
        hits = self._hits.setdefault(key, deque())
        since = time.monotonic() - expiry
        while hits and hits[0] < since:
            hits.popleft()
        return hits

    def _sweep(self) -> None:
        """Drop counts that are over, and keys nobody has used for an hour (the longest window)."""
        now = time.monotonic()
        self._counts = {key: kept for key, kept in self._counts.items() if kept[1] > now}
        self._hits = {key: hits for key, hits in self._hits.items() if hits and hits[-1] > now - 3600}
