"""A hand that writes beside the drafts: an engine on an event loop of its own, in a thread of its own.

A transaction on a server is five or six questions and answers. On the loop that drafts, each of them waits for the
draft that is being worked on, the row at the end of the trail stays locked all the while, and every other process
waits for that row: a draft of 0.9 s was then saved for more than another second, with the processors idle (measured,
two workers, a hundred drafts at once).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class Aside:
    """An engine and the loop that all its connections live on; the thread starts with the first work.

    Args:
        engine: nobody else uses it.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[AsyncEngine], Coroutine[Any, Any, T]]) -> T:
        """Run ``work(engine)`` there and wait for it here; whoever is cancelled cancels it.

        Raises:
            Exception: whatever it raised.
        """
        loop = self._loop or self._start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(self.engine), loop))

    async def close(self) -> None:
        """Let go of the connections and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        try:
            await self.do(_let_go)
        finally:
            self._loop = self._thread = None
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join)
            loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="database-aside", daemon=True)
        self._thread.start()
        return loop


async def _let_go(engine: AsyncEngine) -> None:
    await engine.dispose()
