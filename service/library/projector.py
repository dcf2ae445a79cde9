"""Keeping Chroma behind the published pointer, and this process behind other writers; never in front of an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from service.errors import YouliError
from service.library.snapshot import Snapshot
from service.projection.base import Projection

_log = structlog.get_logger()

POLL_S = 0.25
"""How often the pointer is looked at; a publication by the shell is served within a second."""
SETTLE_S = 0.5
"""How long a generation must stand before it is projected: start-up and bursts of uploads come first."""

CHECK_S = 3600.0
"""How often what answers is asked whether it still finds what it holds."""


class Projector:
    """The background work of a process that serves.

    Args:
        index: Chroma.
        current: the snapshot that is searched now.
        follow: loads the published generation if it is another.
        builds: whether it is for this process to build; others take up what it has built.
    """

    def __init__(
        self,
        index: Projection,
        current: Callable[[], Snapshot],
        follow: Callable[[], Awaitable[None]],
        builds: Callable[[], Awaitable[bool]],
    ) -> None:
        self._builds = builds
        self._index, self._current, self._follow = index, current, follow
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._index.prepare()
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
            except Exception as error:  # a bug must not end the looking
                _log.error("pointer_watch_failed", problem=type(error).__name__)

    async def _project(self) -> None:
        failures = 0
        checked = time.monotonic()
        while True:
            await asyncio.sleep(min(SETTLE_S * 2**failures, self._index.retry_s))
            try:
                if time.monotonic() - checked > CHECK_S:
                    checked = time.monotonic()
                    await asyncio.to_thread(self._index.check)
                failures = 0 if await self._brought_up() else failures + 1
            except Exception as error:  # whatever it is, the exact scan answers and the next round tries again
                _log.error("projection_failed", problem=type(error).__name__)
                failures += 1

    async def _brought_up(self) -> bool:
        """Whether the index answers for the snapshot that is searched, built now if need be."""
        snapshot = self._current()
        name = snapshot.projection
        if name is None or self._index.serves(name):
            return True
        build = await self._builds()
        return await asyncio.to_thread(self._index.project, name, *snapshot.projected, snapshot.fingerprint, build)
