"""How many bytes a door takes, counted while they come in: a declared length is only believed when it is too big."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import send_problem
from service.errors import BodyTooLarge

JSON_BYTES = 1024 * 1024
"""Most bytes of a JSON body."""

FILE_BYTES = 10 * 1024 * 1024
"""Most bytes of an uploaded document."""

UPLOAD_BYTES = 11 * 1024 * 1024
"""Most bytes of an upload's whole form: the file, and room for its fields."""

UPLOAD_PATH = "/v1/knowledge/documents"


class BodyLimit:
    """Answers 413 as soon as a body is too long, whether it came with a length or in chunks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        replaced = scope["method"] == "PUT" and scope["path"].startswith(f"{UPLOAD_PATH}/")
        limit = UPLOAD_BYTES if replaced or scope["path"] == UPLOAD_PATH else JSON_BYTES
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await send_problem(scope, receive, send, BodyTooLarge(limit=limit), close=True)
            return
        await self._counted(scope, receive, send, limit)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        seen, over, started = 0, False, False

        async def counting() -> Message:
            nonlocal seen, over
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    over = True
                    raise BodyTooLarge(limit=limit)
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if over and not started:
                return  # whatever the door makes of half a body, the answer is ours
            started = True
            await send(message)

        try:
            await self.app(scope, counting, guarded)
        except BodyTooLarge:
            if not over or started:
                raise
        if over and not started:
            await send_problem(scope, receive, send, BodyTooLarge(limit=limit), close=True)
