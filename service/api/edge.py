"""The outermost layer: an id for every request, a problem for every unhandled error, one log line each.

Pure ASGI: a stream must not be buffered, and nothing may cost a task per request.
"""

from __future__ import annotations

import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import send_problem
from service.errors import YouliError
from service.logs import frames

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_log = structlog.get_logger()


def new_request_id() -> str:
    """A fresh id; random, because callers may see each other's."""
    return "req_" + secrets.token_hex(10)


class Edge:
    """Gives the request its id (the caller's own, if it is sane), catches what nobody caught, logs ids only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        name = given if _SANE.fullmatch(given) else new_request_id()
        scope.setdefault("state", {})["request_id"] = name
        began, status = time.perf_counter(), 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = name
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except Exception as error:
            _log.error("unhandled", request_id=name, where=frames(error))
            if status:  # half an answer is out already; only cutting the connection tells the caller so
                raise
            await send_problem(scope, receive, marked, YouliError())
        finally:
            route = getattr(scope.get("route"), "path", "-")
            took = round((time.perf_counter() - began) * 1000, 1)
            _log.info("request", request_id=name, method=scope["method"], route=route, status=status, ms=took)
