"""Who may knock while there are no keys: programs on this machine, and no page a browser happens to show.

Without a Host allow-list a web page can reach a loopback service by rebinding its own name to 127.0.0.1; without
refusing ``Origin`` it can post to it across sites; a forwarding proxy would make the whole network local.
"""

from __future__ import annotations

import re
from collections.abc import Set

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import send_problem
from service.errors import Refused

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PORT = re.compile(r":\d{1,5}$")


class LocalOnly:
    """Refuses strange hosts, cross-site and forwarded requests (403)."""

    def __init__(self, app: ASGIApp, hosts: Set[str] = LOCAL_HOSTS) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] == "websocket":  # there is no such door; starlette would otherwise look for one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await send_problem(scope, receive, send, refusal, close=True)
                return
        await self.app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Refused | None:
        named = headers.getlist("host")
        host = named[0] if len(named) == 1 else ""
        if _PORT.sub("", host).lower() not in self.hosts:
            return Refused("host_refused", host=host[:80].encode("ascii", "replace").decode())
        strange = ("origin", "forwarded")
        if any(name in strange or name.startswith("x-forwarded-") for name in headers):
            return Refused("origin_refused")
        return None
