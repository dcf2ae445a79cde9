"""HTTP/1.1 with as little work as possible, for the fake endpoints: requests in, bytes of any kind out.

A framework would cost more than what is measured, and would not let itself be talked into sending half a body.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Exchange:
    """One request and the connection its answer goes out on."""

    path: str
    body: bytes
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _waiting: list[asyncio.TimerHandle | asyncio.Task[None]] = field(default_factory=list)

    @property
    def gone(self) -> bool:
        """Whether the other side has hung up."""
        return self.transport.is_closing()

    def send(self, data: bytes) -> None:
        """Bytes, if anybody still listens."""
        if not self.gone:
            self.transport.write(data)

    def send_later(self, seconds: float, data: bytes) -> None:
        """The same after a while; not at all once the connection is gone."""
        if seconds <= 0:
            self.send(data)
        else:
            self._waiting.append(self.loop.call_later(seconds, self.send, data))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer at length; ended with the connection."""
        self._waiting.append(self.loop.create_task(work))

    def close(self) -> None:
        """Hang up after what was sent."""
        self.transport.close()

    def reset(self) -> None:
        """Hang up with RST."""
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def end(self) -> None:
        """The connection is gone: nothing more is to be sent."""
        for waiting in self._waiting:
            waiting.cancel()


class Connection(asyncio.Protocol):
    """One connection, kept alive: requests one after the other.

    Args:
        answer: called with each whole request.
        connections: where the connection stands as long as it is open.
    """

    def __init__(self, answer: Callable[[Exchange], None], connections: set[Connection]) -> None:
        self._answer, self._connections = answer, connections
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        if not self._buffer[:1].isalpha():  # TLS, or noise: no method begins so
            self._transport.close()
            return
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            path = head.split(b" ", 2)[1].decode("latin-1")
            self._exchange = Exchange(path, bytes(self._buffer[end + 4 : whole]), self._transport, self._loop)
            del self._buffer[:whole]
            self._answer(self._exchange)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it, and stop what it was still to be sent."""
        self._connections.discard(self)
        if self._exchange is not None:
            self._exchange.end()


def whole(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A response with its length; header names are given with underscores."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
