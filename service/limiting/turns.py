"""Whose turn it is at the processor: long stretches of work without a wait run one at a time, the oldest draft first.

An event loop runs everything that is ready before it looks at its sockets again. Where twenty drafts become ready
together, each for ten milliseconds, a caller who only needs to be told "not now" would wait for all of them. So a
stretch asks for a turn first: between two turns the loop goes round once, and whoever began earliest comes next.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from weakref import WeakKeyDictionary


class Turns:
    """The turns of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[float, int, float, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._taken = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def longest_wait(self) -> float:
        """Seconds the one that waits longest has waited for its turn; 0 when nobody waits."""
        return max(0.0, time.monotonic() - min(one[2] for one in self._waiting)) if self._waiting else 0.0

    async def turn(self, since: float) -> None:
        """Wait until it is the turn of work that began at ``since`` (monotonic seconds)."""
        if not self._taken:
            self._taken = True
            self._loop.call_soon(self._next)
            return
        mine = self._loop.create_future()
        heapq.heappush(self._waiting, (since, next(self._count), time.monotonic(), mine))
        await mine

    def _next(self) -> None:
        """The loop has gone round: wake the next one, or let the first that comes go at once."""
        while self._waiting:
            *_, mine = heapq.heappop(self._waiting)
            if not mine.done():  # cancelled while it waited
                mine.set_result(None)
                self._loop.call_soon(self._next)
                return
        self._taken = False


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """The turns of the loop that runs."""
    loop = asyncio.get_running_loop()
    found = _turns.get(loop)
    if found is None:
        found = _turns[loop] = Turns(loop)
    return found
