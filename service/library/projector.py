"""Keeping Chroma behind the published pointer, and this process behind other writers; never in front of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from service.errors import YouliError
from service.library.snapshot import Snapshot
from service.vectors import VectorIndex

POLL_S = 0.5
"""How often the pointer is looked at; a publication by the shell is served within a second."""
SETTLE_S = 0.5
"""How long a generation must stand before it is projected: start-up and bursts of uploads come first."""

RETRY_S = 60.0
"""The longest wait before a projection that failed is tried again."""


class Projector:
    """The background work of the owner process.

    Args:
        index: Chroma.
        current: the snapshot that is searched now.
        follow: loads the published generation if it is another.
    """

    def __init__(
        self, index: VectorIndex, current: Callable[[], Snapshot], follow: Callable[[], Awaitable[None]]
    ) -> None:
        self._index, self._current, self._follow = index, current, follow
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._tasks = [
            asyncio.create_task(self._watch(), name="pointer-watch"),
            asyncio.create_task(self._project(), name="chroma-projection"),
        ]

    async def close(self) -> None:
        """Stop both; a projection under way ends at its next batch."""
        self._index.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._index.close)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._follow()
            except YouliError:
                continue  # busy or full: what is loaded stays in force, the next look comes soon

    async def _project(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(min(SETTLE_S * 2**failures, RETRY_S))
            snapshot = self._current()
            if not snapshot.chunks or (self._index.name == snapshot.name and self._index.state == "ready"):
                continue
            ids = [chunk.id for chunk in snapshot.chunks]
            done = await asyncio.to_thread(self._index.project, snapshot.name, ids, snapshot.matrix)
            failures = 0 if done else failures + 1
