"""Connections that are cut when they stand in the way: slow heads, huge heads, readers that do not read, and too many.

uvicorn limits none of this by itself. Every connection notes since when it waits for what, and one timer of the process
looks at all of them twice a second: a thousand idle sockets cost a thousand comparisons, and a request nothing.

What is cut before an application sees it is answered here, with the same problem documents. The numbers stand in
``service/limiting/limits.yaml``.
"""

from __future__ import annotations

import asyncio
import math
import resource
import time
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.api.cutting import raw, refusal
from service.errors import YouliError
from service.limiting.numbers import Connections, numbers

_log = structlog.get_logger()


class _Line:
    """The transport as a request's answer sees it: closing it lets the answer arrive first."""

    __slots__ = ("_connection", "is_closing", "write")

    def __init__(self, connection: Timed) -> None:
        self._connection = connection
        self.write, self.is_closing = connection.transport.write, connection.transport.is_closing

    def close(self) -> None:
        self._connection.finish()


class Timed(HttpToolsProtocol):
    """One connection, with its clocks. Times are monotonic seconds; None: not waiting for that."""

    limits: Connections = numbers().connections
    most: int = limits.most
    """Connections of the process; set lower at the start where there are fewer descriptors."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_since: float | None = None
        self._head_bytes = self._field_bytes = self._dropped = 0
        self._quiet_since: float | None = None
        self._unwanted_since: float | None = None
        self._stalled_since: float | None = None
        self._in_head = True
        """What comes behind a body must not say who asks: the parser tells it by the same name."""
        self._cut = False
        """Nothing that comes in counts any more."""

    # what happens on the wire

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head; make room, or refuse, where there are too many."""
        super().connection_made(transport)
        self._line = _Line(self)
        self._head_since = time.monotonic()
        _watched(self)
        if len(self.connections) > self.most and not self._make_room():
            self._answer(refusal("too_many_connections", 503, self.limits))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._cut = True
        self._head_since = self._quiet_since = self._stalled_since = self._unwanted_since = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes in while there is no whole head, and what nobody wants any more."""
        if self._cut:
            self._dropped += len(data)
            if self._dropped > self.limits.linger_bytes:
                self.transport.abort()
            return
        if self._quiet_since is not None:  # the first word of another request
            self._quiet_since, self._head_since = None, time.monotonic()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > self.limits.head_bytes:
            self._answer(refusal("head_too_large", 431, self.limits))

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        if self._stalled_since is None:
            self._stalled_since = time.monotonic()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._stalled_since = None

    # what the parser says

    def on_message_begin(self) -> None:
        """Another head begins."""
        self._field_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Refuse an address nobody writes by hand."""
        super().on_url(url)
        if len(self.url) > self.limits.url_bytes:
            self._answer(refusal("url_too_long", 414, self.limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse too many, and too much; what stands behind a body counts, and is no header (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)
        self._field_bytes += len(name) + len(value) + 4
        if len(self.headers) > self.limits.headers or self._field_bytes > self.limits.head_bytes:
            self._answer(refusal("head_too_large", 431, self.limits))

    def on_headers_complete(self) -> None:
        """The head is whole: from now on the application keeps the time."""
        self._in_head = False
        if self._cut:
            return
        self._head_since = None
        super().on_headers_complete()
        self.cycle.transport = self._line  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """A piece of the body; after the answer, one that nobody wants."""
        if self._cut:
            return
        if self._unwanted_since is not None:
            self._dropped += len(body)
            if self._dropped > self.limits.linger_bytes:
                self._hang_up()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole; another may follow in the same piece."""
        if self._cut:
            return
        self._head_bytes = 0
        if self._unwanted_since is not None:
            self._unwanted_since, self._dropped, self._quiet_since = None, 0, time.monotonic()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered before the body was there, perhaps: a little of it is let pass, so that a kept connection stays."""
        unread, waiting = self.cycle.more_body, bool(self.pipeline)
        super().on_response_complete()
        if waiting or self._cut or self.transport.is_closing():
            return
        if unread:
            self._unwanted_since = time.monotonic()
        else:
            self._quiet_since = time.monotonic()

    def finish(self) -> None:
        """End the connection after an answer."""
        if self.cycle.more_body:
            self._hang_up()
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so, in our form."""
        self._answer(refusal("malformed_http", 400, self.limits))

    # what the clock says

    def look(self, now: float) -> None:
        """Cut what has taken too long."""
        if self._stalled_since is not None and now - self._stalled_since > self.limits.write_s:
            _log.info("connection_cut", why="reader")
            self._cut = True
            self.transport.abort()  # wakes whoever writes, and tells the application that the caller has left
        elif self._head_since is not None and now - self._head_since > self.limits.head_s:
            if self._head_bytes:
                self._answer(refusal("head_too_slow", 408, self.limits))
            else:
                self._leave()
        elif self._quiet_since is not None and now - self._quiet_since > self.limits.idle_s:
            self._leave()
        elif self._unwanted_since is not None and now - self._unwanted_since > self.limits.linger_s:
            self._hang_up()

    def _make_room(self) -> bool:
        """Close the one that has been quiet longest, if any is."""
        idle = [(one.quiet, one) for one in self.connections if isinstance(one, Timed) and one is not self]
        since, one = min(
            ((at, one) for at, one in idle if at is not None), key=lambda two: two[0], default=(None, None)
        )
        if one is None or since is None:
            return False
        one._leave()
        return True

    def _leave(self) -> None:
        """Close it; nothing is under way."""
        self._cut = True
        self.transport.close()

    @property
    def quiet(self) -> float | None:
        """Since when nothing is going on here: between two requests, or before the first word of one."""
        if self.transport is None or self.transport.is_closing():
            return None
        return (
            self._quiet_since if self._quiet_since is not None else self._head_since if not self._head_bytes else None
        )

    def _answer(self, error: YouliError) -> None:
        """Say why, and end the connection; it is only ended where another answer is under way."""
        if self._cut:
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(raw(error, STATUS_LINE[error.status]))
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._hang_up()

    def _hang_up(self) -> None:
        """End it so that the answer arrives: with unread bytes pending, a plain close would take it back."""
        if self._cut or self.transport.is_closing():
            return
        self._cut = True
        self._head_since = self._quiet_since = self._unwanted_since = None
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:  # the other side has left meanwhile
                self.transport.abort()
                return
            self.loop.call_later(self.limits.linger_s, self.transport.abort)
        else:
            self.transport.close()


def _watched(one: Timed) -> None:
    """Look at all connections of this one's server again and again, as long as there are any."""
    state = one.server_state
    if getattr(state, "watched", False):
        return
    state.watched = True  # type: ignore[attr-defined]

    def look() -> None:
        now = time.monotonic()
        for connection in list(one.connections):
            if isinstance(connection, Timed):
                connection.look(now)
        if one.connections:
            one.loop.call_later(one.limits.look_s, look)
        else:
            state.watched = False  # type: ignore[attr-defined]

    one.loop.call_later(one.limits.look_s, look)


def connections() -> type[Timed]:
    """The class of this process's connections, for ``uvicorn.Config(http=…)``: so many as its descriptors suffice for.

    The limit of descriptors is first raised as far as a process may raise its own.
    """
    Timed.most = _most(Timed.limits)
    return Timed


def _most(limits: Connections) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.most + limits.spare_files
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    free = math.inf if soft == resource.RLIM_INFINITY else soft - limits.spare_files
    return int(max(16, min(limits.most, free)))
