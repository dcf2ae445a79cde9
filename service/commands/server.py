"""The HTTP server, and how it stops: told once it drains, told twice it goes at once. Imports uvicorn at its top."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.api.accepting import say_it_once
from service.api.draining import Drain

LINGER_S = 1.0
"""Seconds the door stays open after the order to stop, so that a balancer that looks sees ``/readyz`` say no."""
GRACE_S = 10.0
"""Seconds drafts under way may take after the order to stop; a draft's own deadline is shorter by default."""
LAST_WORDS_S = 1.0
"""Seconds streams have to say that nothing more comes, before what still runs is cut."""


class Server(uvicorn.Server):
    """Says when it is ready; stops on a signal without dying of it, so that exit code 0 means a clean stop.

    Args:
        config: of uvicorn.
        app: whose work is drained.
        ready: called once it listens.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app, self._ready = app, ready
        self._told = 0
        self._since = self._until = 0.0
        self._beside: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM for the time of serving, and give them back."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The order to stop; the second one means at once."""
        self._told += 1
        self._app.state.draining = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and say so."""
        say_it_once(asyncio.get_running_loop())
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether it is time to close the door."""
        if await super().on_tick(counter):
            return True
        if not self._told:
            return False
        if self._beside is None:
            self._since = time.monotonic()
            self._beside = asyncio.create_task(self._close_beside())
        drain: Drain = self._app.state.drain
        waited = time.monotonic() - self._since
        if waited < GRACE_S and self._told == 1:
            return waited >= LINGER_S and not drain.tasks
        if not drain.over:
            drain.tell()
            self._until = time.monotonic() + LAST_WORDS_S
        if drain.tasks and time.monotonic() < self._until:
            return False
        drain.cut()
        return True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door; what runs beside the service has stopped when this returns."""
        await super().shutdown(sockets)
        if self._beside is None:
            self._beside = asyncio.create_task(self._close_beside())
        await self._beside

    async def _close_beside(self) -> None:
        """Stop the processes of the eval suite; a run can be gone on with."""
        await asyncio.gather(self._app.state.evals.close(), self._app.state.pages.close())
