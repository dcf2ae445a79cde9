"""Work under way at once: up to a number a class, and nobody is kept waiting for a place.

What is over the number is refused at once, before its body is looked at, and told when to come back. The number counts
one process; several processes have one each. All of it runs on one event loop and takes no locks.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from service import watching
from service.errors import TooMany
from service.limiting.numbers import Busy, Class, Numbers, numbers
from service.limiting.turns import turns
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class PoolState:
    """For metrics: how one class stands."""

    at_once: int
    under_way: int
    admitted: int
    """Since the start."""
    refused: int
    """Since the start."""
    recent_s: float
    """What one of it took of late, in the middle; 0 before there was one."""


class Pace:
    """How often something happened lately, in events a second; what is long ago fades.

    Args:
        seconds: after which an event counts for a third.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._rate, self._at = seconds, 0.0, time.monotonic()

    def note(self) -> None:
        """It happened."""
        self._rate = self.per_second() + 1 / self._seconds

    def per_second(self) -> float:
        """Events a second by now."""
        now = time.monotonic()
        self._rate *= math.exp((self._at - now) / self._seconds)
        self._at = now
        return self._rate


class Slot:
    """A place that is held; giving it back twice does nothing."""

    __slots__ = ("_began", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool: Pool | None = pool
        self._began = time.monotonic()

    def release(self) -> None:
        """Give it back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool._done(time.monotonic() - self._began)


class Pool:
    """The places of one class.

    Args:
        name: of the class.
        kind: its paths and its number.
        at_once: the number.
        busy: when the machine has had enough.
    """

    def __init__(self, name: str, kind: Class, at_once: int, busy: Busy) -> None:
        self.name, self.streams, self.at_once = name, kind.streams, at_once
        self._busy = busy
        self._under_way = self._admitted = self._refused = 0
        self._took: deque[float] = deque(maxlen=64)
        self._turned_away = Pace(busy.recent_s)

    @property
    def under_way(self) -> int:
        """How many places are taken."""
        return self._under_way

    def take(self) -> Slot:
        """A place.

        Raises:
            TooMany: see :meth:`check`.
        """
        self.check()
        self._under_way += 1
        self._admitted += 1
        return Slot(self)

    def check(self) -> None:
        """Refuse where there is no place, or where those inside wait too long for the processor.

        Raises:
            TooMany: with the seconds after which to come back.
        """
        if self._under_way < self.at_once and not self._overrun():
            return
        self._refused += 1
        watching.count("youli_admission_refused_total", self.name)
        self._turned_away.note()
        error = TooMany()
        error.retry_after = self.retry_after()
        raise error

    def retry_after(self) -> float:
        """Seconds until a place should be free for one more.

        At least what one takes; longer where more are turned away in a second than are served in one: so many times
        twice that. Spread at random by half, so that those who were refused together do not come back together.
        """
        typical = self._typical() or 1.0
        served = self.at_once / typical  # as many as there are places, in the time one takes
        wait = max(1.0, typical) * max(1.0, 2 * self._turned_away.per_second() / served)
        return min(self._busy.retry_most_s, wait * random.uniform(0.5, 1.5))

    def state(self) -> PoolState:
        """How it stands."""
        return PoolState(self.at_once, self._under_way, self._admitted, self._refused, round(self._typical(), 4))

    def _overrun(self) -> bool:
        return turns().longest_wait() > self._busy.longest_turn_s

    def _typical(self) -> float:
        return sorted(self._took)[len(self._took) // 2] if self._took else 0.0

    def _done(self, seconds: float) -> None:
        self._under_way -= 1
        self._took.append(seconds)


class Admission:
    """Which class a request is of."""

    def __init__(self, settings: Settings, limits: Numbers | None = None) -> None:
        limits = limits or numbers()
        self._pools: list[tuple[re.Pattern[str], Pool]] = []
        self._known: dict[str, Pool | None] = dict.fromkeys(limits.always)
        self.pools: dict[str, Pool] = {}
        for name, kind in limits.admission.items():
            at_once = settings.max_drafts if kind.at_once == "settings" else kind.at_once
            pool = self.pools[name] = Pool(name, kind, at_once, limits.busy)
            for path in kind.paths:
                if "*" in path:
                    self._pools.append((re.compile(re.escape(path).replace(r"\*", ".*"), re.DOTALL), pool))
                else:
                    self._known[path] = pool

    def pool_of(self, method: str, path: str) -> Pool | None:
        """The class of a request; None for what is always answered."""
        asked = f"{method} {path}"
        if asked in self._known:
            return self._known[asked]
        return next((pool for pattern, pool in self._pools if pattern.fullmatch(asked)), None)

    def state(self) -> Mapping[str, PoolState]:
        """How every class stands."""
        return {name: pool.state() for name, pool in self.pools.items()}
