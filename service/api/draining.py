"""Stopping without hurting anybody: nothing new is begun, what is under way is finished or told that it will not be.

The order to stop sets ``app.state.draining``. From then on reading goes on (``/readyz`` says no), whatever would begin
work is refused, and drafts under way have their time. When that is over a stream ends with a failure of its own, and
whoever waits for a whole answer gets the same refusal as the late comers.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import send_problem
from service.errors import Unavailable

RETRY_S = 5.0
"""When to come back: another process, or the next one here, answers by then."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_leaving: ContextVar[asyncio.Future[None] | None] = ContextVar("leaving", default=None)


def shutting_down() -> Unavailable:
    """The refusal of a service that stops."""
    error = Unavailable("shutting_down")
    error.retry_after = RETRY_S
    return error


def leaving() -> asyncio.Future[None] | None:
    """Done when the time of what is under way is over; None where nobody drains."""
    return _leaving.get()


class Drain:
    """What is under way in one process."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.over = False
        """The time is up: whatever is cancelled from now on is told why."""
        self._leaving: asyncio.Future[None] | None = None

    def enter(self) -> asyncio.Task[Any] | None:
        """Count the running task as work under way."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_future()
        _leaving.set(self._leaving)
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
        return task

    def tell(self) -> None:
        """The time is up: streams end by themselves."""
        self.over = True
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(None)

    def cut(self) -> None:
        """Whatever still runs is ended."""
        self.tell()
        for task in self.tasks:
            task.cancel()


class Draining:
    """Refuses new work while the service stops (503 ``shutting_down``), and knows what is under way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["app"].state
        if state.draining and scope["method"] not in READING:
            await send_problem(scope, receive, send, shutting_down(), close=True)
            return
        await self._counted(state.drain, scope, receive, send)

    async def _counted(self, drain: Drain, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        task = drain.enter()
        try:
            await self.app(scope, receive, noted)
        except asyncio.CancelledError:
            if not drain.over or task is None or started:
                raise
            task.uncancel()  # it was ours, and it is answered here
            await send_problem(scope, receive, send, shutting_down(), close=True)
        finally:
            if task is not None:
                drain.tasks.discard(task)
