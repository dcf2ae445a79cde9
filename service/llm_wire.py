"""The wire below the model client: an HTTP client that reads no more of a reply than was agreed.

Imported late, by ``llm_sdk.py`` alone: httpx2 comes with the openai SDK and costs as much to import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2

CONNECT_SECONDS = 3.0


class ReplyTooLong(httpx2.ReadError):
    """The peer sent more bytes than the cap."""


class _CappedStream(httpx2.AsyncByteStream):
    """The bytes of a live reply, up to the cap."""

    def __init__(self, response: httpx2.Response, cap: int) -> None:
        self._response, self._cap = response, cap

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in self._response.aiter_raw():
            count += len(chunk)
            if count > self._cap:
                raise ReplyTooLong("reply too long", request=self._response.request)
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class CappedClient(httpx2.AsyncClient):
    """Reads every reply, error pages included, up to ``cap`` bytes and no further.

    It follows no redirects (a key must not travel) and asks for no compression; a compressed reply is handed on as
    it is, so that a small body cannot unfold into a large one. The total deadline is the caller's.

    Args:
        cap: bytes of a reply that is read whole.
        stream_cap: bytes of a reply that is handed on live.
    """

    def __init__(self, cap: int, stream_cap: int = 0) -> None:
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        super().__init__(timeout=timeout, follow_redirects=False, headers={"Accept-Encoding": "identity"})
        self._cap, self._stream_cap = cap, stream_cap

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send one request and read its reply; a good one that was asked for as a stream is handed on unread.

        Raises:
            ReplyTooLong: more than the cap came; the connection is closed.
            httpx2.RequestError: no reply, or half of one.
        """
        response = await super().send(request, **{**options, "stream": True, "follow_redirects": False})
        unread = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in unread]
        if options.get("stream") and response.status_code == 200 and self._stream_cap:
            live = _CappedStream(response, self._stream_cap)
            return httpx2.Response(200, headers=headers, stream=live, request=request)
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._cap:
                    raise ReplyTooLong("reply too long", request=request)
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)
