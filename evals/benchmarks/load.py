"""Load at little cost: prepared requests over kept connections, answers taken in without being parsed."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_RETRY = re.compile(rb"retry-after: *(\d+)", re.IGNORECASE)
STEP = b"event: draft.step"


@dataclass
class Answer:
    """One answer. ``seconds`` from the request's last byte out to the answer's last byte in."""

    status: int
    body: bytes
    seconds: float
    first_step: float | None = None
    """When a stream's first step came, by the machine's monotonic clock."""
    at: float = 0.0
    """When it was asked for."""
    head: bytes = b""

    @property
    def retry_after(self) -> float:
        """Seconds the answer asks to be left alone for; 0 when it says nothing of it."""
        found = _RETRY.search(self.head)
        return float(found[1]) if found else 0.0


class Hung(Exception):
    """The other side hung up in the middle of an answer."""


class Line(asyncio.Protocol):
    """One kept connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = 0.0
        self._first: float | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> Line:
        """A connection to a port of this machine."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits, waits in vain."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Hung())

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and wait for the whole answer.

        Raises:
            Hung: the connection was closed before its end.
        """
        assert self._transport is not None
        if self._transport.is_closing():
            raise Hung
        self._buffer.clear()
        self._first = None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        self._begun = time.monotonic()
        return await self._waiting

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is whole."""
        self._buffer += data
        now = time.monotonic()
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None or self._waiting.done():
            return
        head = bytes(self._buffer[:end])
        length = _LENGTH.search(head)
        if length is not None:
            done = len(self._buffer) >= end + 4 + int(length[1])
        else:
            if self._first is None and STEP in self._buffer:
                self._first = now
            done = self._buffer.endswith(b"0\r\n\r\n")
        if done:
            status, body = int(head[9:12]), bytes(self._buffer[end + 4 :])
            self._waiting.set_result(Answer(status, body, now - self._begun, self._first, self._begun, head))


@dataclass
class Run:
    """What came of a load."""

    seconds: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.seconds if self.seconds else 0.0

    @property
    def good(self) -> list[Answer]:
        """Answers with a status below 300."""
        return [answer for answer in self.answers if answer.status < 300]


def post(port: int, path: str, body: bytes, key: str | None = None) -> bytes:
    """A request, ready to be sent; with a key where one is needed."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def load(port: int, requests: Sequence[bytes], at_once: int, seconds: float = 0.0, count: int = 0) -> Run:
    """So many askers, each asking again as soon as it is answered, for a time or for so many questions in all.

    An asker whose time is up still waits for its answer; it counts, and so does the time it took.
    """
    run, begun = Run(), time.monotonic()
    source = itertools.islice(itertools.cycle(requests), count or None)
    askers = [_ask(port, source, run, begun + seconds if seconds else float("inf")) for _ in range(at_once)]
    await asyncio.gather(*askers)
    run.seconds = time.monotonic() - begun
    return run


async def _ask(port: int, source: Iterator[bytes], run: Run, until: float) -> None:
    line = await Line.open(port)
    try:
        for request in source:
            try:
                run.answers.append(await line.ask(request))
            except (Hung, OSError) as error:
                run.errors.append(type(error).__name__)
                line.close()
                line = await Line.open(port)
            if time.monotonic() >= until:
                break
    finally:
        line.close()
