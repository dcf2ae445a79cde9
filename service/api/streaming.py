"""Drafts as server-sent events: kept alive in silence, a failure as the last one, nothing drafted for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import anyio
import structlog
from fastapi.sse import KEEPALIVE_COMMENT
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.api.draining import leaving, shutting_down
from service.api.problems import of_machine, told
from service.errors import YouliError
from service.logs import frames
from service.schemas import Event

PING_S = 15.0
"""Seconds of silence before a comment keeps proxies and browsers from hanging up."""

_log = structlog.get_logger()


class Last(bytes):
    """The last piece of a stream that came to its end; ``failure`` is set where that is not a draft."""

    failure: YouliError | None = None

    @classmethod
    def of(cls, sent: bytes, failure: YouliError | None = None) -> Last:
        """The piece, with why it is the last."""
        piece = cls(sent)
        piece.failure = failure
        return piece


class EventStream(StreamingResponse):
    """A ``text/event-stream``; when it ends, however it ends, what it was made from is closed.

    Args:
        source: the bytes.
        events: what ``source`` draws from. Closing a generator that was never begun closes nothing behind it.
    """

    def __init__(self, source: AsyncIterator[bytes], events: AsyncIterator[Event]) -> None:
        super().__init__(source, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _closed(self.body_iterator)
            await _closed(self._events)


async def wire(
    events: AsyncIterator[Event | None],
    frame: Callable[[Event], bytes],
    failed: Callable[[YouliError], bytes],
    request: str,
) -> AsyncIterator[bytes]:
    """Events on the wire; a failure after the start is the last thing sent, never a cut line.

    Args:
        events: of :func:`with_pings`.
        frame: an event's bytes; none for one that is not sent.
        failed: the bytes of a failure.
        request: the request's id, for the log.
    """
    try:
        async for event in events:
            sent = KEEPALIVE_COMMENT if event is None else frame(event)
            if sent:
                yield sent if event is None or event.draft is None else Last.of(sent)
    except YouliError as error:
        told(error)
        yield Last.of(failed(error), error)
    except Exception as error:
        problem = _problem(error, request)
        told(problem)
        yield Last.of(failed(problem), problem)
    finally:
        await _closed(events)


def _problem(error: Exception, request: str) -> YouliError:
    """What the machine would not do has a name in a stream too; anything else is ours, and in the log."""
    if isinstance(error, (OSError, RuntimeError)):
        with suppress(OSError, RuntimeError):
            return of_machine(error)
    _log.error("unhandled", request_id=request, where=frames(error))
    return YouliError()


async def with_pings(first: Event, events: AsyncIterator[Event]) -> AsyncIterator[Event | None]:
    """The events, and ``None`` for every :data:`PING_S` in which none came. Closes ``events`` when left early.

    Raises:
        Unavailable: ``shutting_down`` — the service stops and the time of what is under way is over.
    """
    pending: asyncio.Task[Event] | None = None
    over = leaving()
    try:
        yield first
        while True:
            pending = asyncio.ensure_future(_next(events))
            while not pending.done():
                if over is not None and over.done():
                    raise shutting_down()
                waited: set[asyncio.Future[Any]] = {pending} if over is None else {pending, over}
                if not (await asyncio.wait(waited, timeout=PING_S, return_when=asyncio.FIRST_COMPLETED))[0]:
                    yield None
            try:
                event = pending.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        with anyio.CancelScope(shield=True):  # whoever cancels us does so until we end
            if pending is not None and not pending.done():  # the reader left: stop the model call too
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)
            await _closed(events)


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


async def _closed(source: object) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        with anyio.CancelScope(shield=True):
            await close()
