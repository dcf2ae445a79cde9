"""The outermost layer: an id for every request, a problem for every unhandled error, one log line each.

Pure ASGI: a stream must not be buffered, and nothing may cost a task per request.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import watching
from service.acting import Acting
from service.api.callers import Callers
from service.api.problems import send_problem
from service.errors import YouliError
from service.logs import frames
from service.watching import NO_SPAN, Seen, Span

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROBES = frozenset({"healthz", "readyz", "metrics"})
"""Asked for every few seconds by machines: neither traced nor a line in the log unless they go wrong."""
_log = structlog.get_logger()


def new_request_id() -> str:
    """A fresh id; random, because callers may see each other's."""
    return "req_" + secrets.token_hex(10)


@dataclass(slots=True)
class _Answer:
    """One request on its way: what is known of it when it ends."""

    id: str
    record: Seen
    span: Span
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    whole: bool = False
    """Whether the last byte was handed over; if not, the caller has left or the answer broke."""


class Edge:
    """Gives the request its id (the caller's own, if it is sane), catches what nobody caught, logs ids only.

    Args:
        app: the next layer.
        callers: whose trace context is taken up.
        slow_s: seconds from which a request is a warning.
    """

    def __init__(self, app: ASGIApp, callers: Callers | None = None, slow_s: float = 10.0) -> None:
        self.app, self._callers, self._slow_s = app, callers or Callers(""), slow_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        name = given if _SANE.fullmatch(given) else new_request_id()
        scope.setdefault("state", {})["request_id"] = name
        record = Seen()
        with watching.seeing(record):
            answer = _Answer(name, record, self._span(scope, headers))
            record.parent = answer.span
            watching.change("youli_http_running", 1)
            try:
                await self._answered(scope, receive, send, answer)
            finally:
                watching.change("youli_http_running", -1)
                self._tell(scope, answer)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = answer.id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answer.whole = True

        try:
            await self.app(scope, receive, marked)
        except Exception as error:
            _log.error("unhandled", request_id=answer.id, where=frames(error))
            if answer.status:  # half an answer is out already; only cutting the connection tells the caller so
                raise
            await send_problem(scope, receive, marked, YouliError())

    def _span(self, scope: Scope, headers: Headers) -> Span:
        """The request's span, inside its caller's where that one is believed."""
        if scope["path"].lstrip("/") in _PROBES:
            return NO_SPAN
        parent = self._callers.context(scope, headers.get("traceparent", ""))
        method = _method(scope)
        return watching.span(method, parent, kind="server", http__request__method=method)

    def _tell(self, scope: Scope, answer: _Answer) -> None:
        """One line, one count, one end of a span."""
        route, took = scope.get("route"), time.perf_counter() - answer.began
        operation = getattr(route, "operation_id", None) or watching.NOWHERE
        path = getattr(route, "path", watching.NOWHERE)
        status = f"{answer.status // 100}xx" if answer.whole else watching.LEFT
        method = _method(scope)
        watching.count("youli_http_requests_total", operation, method, status)
        watching.observe("youli_http_seconds", took, operation)
        self._end_span(answer, path)
        probe = operation in _PROBES and answer.status < 500 and answer.whole
        slow = took >= self._slow_s
        level = "warning" if slow else "debug" if probe else "info"
        who: Acting | None = scope["state"].get("acting")
        facts: dict[str, object] = {"key": who.key, "shop": who.shop} if who is not None else {}
        facts |= answer.record.facts
        if not answer.whole:
            facts["left"] = True
        if answer.span.trace:
            facts["trace"] = answer.span.trace
        event = "slow_request" if slow else "request"
        told = {"request_id": answer.id, "method": method, "route": path, "operation": operation}
        getattr(_log, level)(event, **told, status=answer.status, ms=round(took * 1000, 1), **facts)

    def _end_span(self, answer: _Answer, path: str) -> None:
        span = answer.span
        if span is NO_SPAN:
            return
        span.rename(path)
        span.set(http__route=path, http__response__status_code=answer.status, youli__request=answer.id)
        if answer.status >= 500 or not answer.whole:
            span.fail(str(answer.record.facts.get("code") or watching.LEFT))
        span.end()


def _method(scope: Scope) -> str:
    """The method, if it is one; it is the caller's word like any other."""
    return scope["method"] if scope["method"] in watching.METHODS else watching.OTHER
