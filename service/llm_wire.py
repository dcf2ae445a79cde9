"""The wire below the model client: an HTTP client that reads no more of a reply than was agreed.

Imported late, by ``llm.py`` alone: httpx2 comes with the openai SDK and costs as much to import.
"""

from __future__ import annotations

from typing import Any

import httpx2

CONNECT_SECONDS = 3.0


class ReplyTooLong(httpx2.ReadError):
    """The peer sent more bytes than the cap."""


class CappedClient(httpx2.AsyncClient):
    """Reads every reply, error pages included, up to ``cap`` bytes and no further.

    It follows no redirects (a key must not travel) and asks for no compression; a compressed reply is handed on as
    it is, so that a small body cannot unfold into a large one. The total deadline is the caller's.
    """

    def __init__(self, cap: int) -> None:
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        super().__init__(timeout=timeout, follow_redirects=False, headers={"Accept-Encoding": "identity"})
        self._cap = cap

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send one request and read its reply.

        Raises:
            ReplyTooLong: more than the cap came; the connection is closed.
            httpx2.RequestError: no reply, or half of one.
        """
        response = await super().send(request, **{**options, "stream": True, "follow_redirects": False})
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._cap:
                    raise ReplyTooLong("reply too long", request=request)
        finally:
            await response.aclose()
        unread = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in unread]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)
