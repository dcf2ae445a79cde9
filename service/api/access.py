"""The layer that knows who asks: nobody gets further without a key, and everything behind it knows whose it is."""

from __future__ import annotations

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.acting import act_as
from service.api.gate import Gate
from service.api.problems import send_problem
from service.api.proxies import believe
from service.errors import YouliError


class Access:
    """Answers 401 to whoever has no good key; otherwise sets who acts, for the context and in ``scope["state"]``.

    ``state["acting"]`` is the :class:`service.acting.Acting`, ``state["bearer"]`` the key's own limits (None for
    strangers and signed addresses).
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] == "websocket":  # there is no such door; starlette would otherwise look for one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        believe(scope, self.gate.trusted)
        try:
            who, bearer = await self.gate.who(scope)
        except YouliError as error:
            if error.code == "report_link" and "text/html" in Headers(scope=scope).get("accept", ""):
                await _page(error)(scope, receive, send)
            else:
                await send_problem(scope, receive, send, error, close=True)
            return
        scope.setdefault("state", {}).update(acting=who, bearer=bearer)
        with act_as(who):
            await self.app(scope, receive, send)


def _page(error: YouliError) -> HTMLResponse:
    """What a person with a browser sees in the place of a report."""
    title, detail = escape(error.title), escape(error.detail)
    body = f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{detail}</p>'
    headers = {"Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'none'"}
    return HTMLResponse(body, error.status, headers)
