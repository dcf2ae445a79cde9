"""One streamed answer over the SDK: opened, read piece by piece under the total deadline, closed whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from service.llm_reply import Failed, Meaning
from service.llm_sdk import await_imports, formed, typed, untouched
from service.llm_stream import ObjectText, StreamReader

TAIL_S = 0.5
"""After the answer's end an endpoint may take this long to send the usage; then it is done without."""


class LiveAnswer:
    """A reply to ``with_streaming_response.create``. Close it whatever happens.

    Args:
        create: the SDK's call.
        request: its arguments.
        until: the deadline, on the monotonic clock.
        cap: bytes of text and junk, see :class:`StreamReader`.
        meaning: what the endpoint's codes mean.
    """

    def __init__(
        self, create: Callable[..., Any], request: dict[str, Any], until: float, cap: int, meaning: Meaning
    ) -> None:
        self._create, self._request, self._until = create, request, until
        self._meaning, self._formed = meaning, formed(request)
        self._manager: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._settled = False
        self._reader, self._shown = StreamReader(cap, meaning), ObjectText()

    @property
    def reply(self) -> dict[str, Any]:
        """``model`` and ``usage``, as far as they came."""
        return self._reader.reply

    @property
    def begun(self) -> bool:
        """Whether a piece was handed out."""
        return self._shown.begun

    async def open(self) -> None:
        """Send the request and wait for the reply's head.

        Raises:
            Failed: typed by status and code.
            FormRefused: the form of the answer was not accepted.
            TimeoutError: the deadline has passed.
        """
        await_imports()
        with typed(self._meaning, self._formed):
            async with asyncio.timeout(self._until - time.monotonic()):
                self._manager = self._create(**untouched(self._request))
                response = await self._manager.__aenter__()
        self._chunks = response.http_response.aiter_raw()

    async def next(self) -> str:
        """The next piece of the object's text; empty when the answer is whole.

        Raises:
            Failed: it broke off, was no answer, or is too long.
            TimeoutError: the deadline has passed.
        """
        while self._chunks is not None:
            data = await self._read(self._chunks)
            text = self._reader.feed(data) if data else self._reader.end()
            self._settle()
            if not data:
                self._chunks = None
            if piece := self._shown.feed(text):
                return piece
        return ""

    def data(self) -> dict[str, Any]:
        """The object, when :meth:`next` has come to its end.

        Raises:
            Failed: the text is none.
        """
        return self._shown.data()

    async def close(self) -> None:
        """Close the connection, unless the reply was read to its end."""
        if self._manager is not None:
            manager, self._manager = self._manager, None
            await manager.__aexit__(None, None, None)

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytes:
        try:
            left = self._until - time.monotonic()
            if left <= 0:  # a peer that always has bytes ready would never let a timer run
                raise TimeoutError
            with typed(self._meaning, self._formed):
                async with asyncio.timeout(left):
                    data = await anext(chunks, b"")
        except (TimeoutError, Failed):
            if self._settled:
                return b""
            raise
        return data

    def _settle(self) -> None:
        """From the answer's end on there is only so much patience left."""
        if self._reader.settled and not self._settled:
            self._settled = True
            self._until = min(self._until, time.monotonic() + TAIL_S)
