"""Answers kept while they go out, and given again as they went."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from fastapi import Response
from fastapi.sse import KEEPALIVE_COMMENT
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.api.streaming import Last
from service.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.assembly import Desk
    from service.database.claims import Answered, ClaimStore

REPLAYED = "Idempotency-Replayed"
KEPT_HEADERS = ("content-type", "location", "etag", "x-accel-buffering")
"""What of an answer's head belongs to the answer; the rest is made anew for every request."""

_EVENTS = "text/event-stream"
_GAP = b"\n\n"


class Claimed(Protocol):
    """Who keeps what a stream has sent."""

    async def ended(self, last: Last, headers: Mapping[str, str], body: bytes | None) -> None:
        """The stream came to its end."""

    async def cut(self) -> None:
        """It was left before."""


class Recorded(StreamingResponse):
    """A stream whose pieces are kept. Those that only keep a connection alive are not."""

    def __init__(self, inner: StreamingResponse, work: Claimed) -> None:
        super().__init__(self._pieces(inner.body_iterator), inner.status_code, background=inner.background)
        self.raw_headers = inner.raw_headers
        self._inner, self._work = inner, work
        inner.body_iterator = self.body_iterator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; however it ends, the claim is settled."""
        try:
            await self._inner(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._work.cut()

    async def _pieces(self, source: Any) -> AsyncIterator[bytes]:
        from service.idempotency.keeper import policy

        sent: list[bytes] | None = []
        size = 0
        try:
            async for piece in source:
                if piece != KEEPALIVE_COMMENT:
                    size += len(piece)
                    sent = None if sent is None or size > policy().cap_bytes else [*sent, bytes(piece)]
                if isinstance(piece, Last):  # on disk before it goes out
                    await self._work.ended(piece, self.headers, None if sent is None else b"".join(sent))
                yield bytes(piece)
        finally:
            with anyio.CancelScope(shield=True):
                await source.aclose()


async def replay(answer: Answered, desk: Desk, store: ClaimStore) -> Response | None:
    """An answer as it was given; None when what it was about is no longer there.

    Raises:
        Conflict: ``idempotency_not_kept`` — the work was done, its answer was too large or holds a secret.
    """
    if answer.kept == "nothing":
        raise _not_kept(answer)
    body = await _draft(answer, desk) if answer.kept == "draft" else answer.body
    tells_of_draft = answer.kept == "bytes" and answer.draft_id is not None and answer.status < 400
    if body is None or (tells_of_draft and await store.shop_of_draft(str(answer.draft_id)) is None):
        return None
    headers = dict(answer.headers) | {REPLAYED: "true"}
    if headers.get("content-type", "").startswith(_EVENTS):
        return StreamingResponse(_frames(body), answer.status, headers)
    return Response(body, answer.status, headers)


async def _draft(answer: Answered, desk: Desk) -> bytes | None:
    """The stored draft with the fate it was told with."""
    fate = dict(answer.fate or {})
    found = await desk.store.get_draft(str(answer.draft_id), str(fate.pop("shop")))
    if found is None:
        return None
    return found[0].model_copy(update=fate).model_dump_json(by_alias=True).encode()


async def _frames(body: bytes) -> AsyncIterator[bytes]:
    for frame in body.split(_GAP)[:-1]:
        yield frame + _GAP


def _not_kept(answer: Answered) -> Conflict:
    error = Conflict("idempotency_not_kept", status=answer.status)
    about = {"draft": answer.draft_id, "document": answer.document_id, "location": answer.headers.get("location")}
    error.extra = {name: value for name, value in about.items() if value is not None}
    return error
