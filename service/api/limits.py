"""How many bytes a door takes and how long they may take, counted while they come in.

A declared length is only believed when it is too big. The numbers stand in ``service/limiting/limits.yaml``.
"""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import send_problem
from service.errors import BodyTooLarge, BodyTooSlow, InvalidRequest
from service.limiting.numbers import Bodies, numbers

BODIES = numbers().bodies

JSON_BYTES = BODIES.json_bytes
"""Most bytes of a JSON body."""

FILE_BYTES = BODIES.file_bytes
"""Most bytes of an uploaded document."""

UPLOAD_BYTES = BODIES.form_bytes
"""Most bytes of an upload's whole form: the file, and room for its fields."""

UPLOAD_PATH = BODIES.form_path


class Taking:
    """One body that comes in: so many bytes at most, so slow at most.

    Args:
        receive: where its pieces come from.
        limit: bytes.
        longest: seconds.
        bodies: the other numbers.
    """

    def __init__(self, receive: Receive, limit: int, longest: float, bodies: Bodies) -> None:
        self._receive, self._limit, self._longest, self._bodies = receive, limit, longest, bodies
        self._seen, self._began, self._whole = 0, time.monotonic(), False
        self.refusal: InvalidRequest | None = None

    async def __call__(self) -> Message:
        """The next piece.

        Raises:
            BodyTooLarge: over the limit.
            BodyTooSlow: the time is up, or it comes too slowly.
        """
        if self._whole:  # what comes now is that the caller has left, however long that takes
            return await self._receive()
        try:
            async with asyncio.timeout(self._left()):
                message = await self._receive()
        except TimeoutError:
            self.refusal = BodyTooSlow()
            raise self.refusal from None
        if message["type"] == "http.request":
            self._whole = not message.get("more_body")
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                self.refusal = BodyTooLarge(limit=self._limit)
                raise self.refusal
        return message

    def _left(self) -> float:
        """Seconds until another piece must have come for the body to be fast enough."""
        allowed = min(self._longest, self._bodies.grace_s + self._seen / self._bodies.slowest)
        return max(0.0, self._began + allowed - time.monotonic())


class BodyLimit:
    """Answers 413 as soon as a body is too long, with a length or in chunks, and 408 as soon as it is too slow."""

    def __init__(self, app: ASGIApp, bodies: Bodies = BODIES) -> None:
        self.app, self.bodies = app, bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bodies = self.bodies
        replaced = scope["method"] == "PUT" and scope["path"].startswith(f"{bodies.form_path}/")
        form = replaced or scope["path"] == bodies.form_path
        limit = bodies.form_bytes if form else bodies.json_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await send_problem(scope, receive, send, BodyTooLarge(limit=limit), close=True)
            return
        taking = Taking(receive, limit, bodies.form_longest_s if form else bodies.longest_s, bodies)
        await self._taken(scope, taking, send)

    async def _taken(self, scope: Scope, taking: Taking, send: Send) -> None:
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if taking.refusal is not None and not started:
                return  # whatever the door makes of half a body, the answer is ours
            started = True
            await send(message)

        try:
            await self.app(scope, taking, guarded)
        except (BodyTooLarge, BodyTooSlow):
            if taking.refusal is None or started:
                raise
        if taking.refusal is not None and not started:
            await send_problem(scope, taking, send, taking.refusal, close=True)
