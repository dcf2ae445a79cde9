"""Who is let in just now: a place for what is under way, a key's rate. Refused at once, in the door's own shape.

Pure ASGI. It stands inside whoever says who acts, and outside everything that costs something. A place is taken when
the body is whole, so that nobody holds one by sending slowly, and kept until the last byte of the answer is out or the
request ended in another way.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.verifying import Bearer
from service.acting import acting
from service.api.problems import send_problem
from service.errors import TooMany
from service.limiting.admission import Slot
from service.limiting.limiter import Allowance, Limiter, allow
from service.limiting.rates import Quota


class Admitting:
    """Counts, refuses, and holds a place for what is let in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        desk = getattr(scope["app"].state, "desk", None) if scope["type"] == "http" else None
        limiter: Limiter | None = getattr(desk, "limiter", None)
        pool = limiter.admission.pool_of(scope["method"], scope["path"]) if limiter else None
        if limiter is None or pool is None:
            await self.app(scope, receive, send)
            return
        headers: Mapping[str, str] = {}
        try:
            pool.check()
            bearer: Bearer | None = scope.get("state", {}).get("bearer")
            if bearer is not None:
                allow(Allowance(bearer.rate_per_minute, bearer.tokens_per_day))
            quota = await limiter.hit(acting())
            if quota is not None:
                headers = quota.headers()
                if not quota.allowed:
                    raise _rate_limited(quota)
            if not pool.streams:
                whole = await _whole(receive)
                if whole is None:
                    return
                receive = whole
            slot = pool.take()
        except TooMany as refusal:
            await send_problem(scope, receive, _with(send, headers), refusal)
            return
        try:
            await self.app(scope, receive, _holding(send, slot, headers))
        finally:
            slot.release()


def _rate_limited(quota: Quota) -> TooMany:
    error = TooMany("rate_limited", limit=quota.limit, window=quota.window_s)
    error.retry_after = quota.reset_s
    return error


async def _whole(receive: Receive) -> Receive | None:
    """The body once it has come in whole, to be received from the start; what comes after it, as it comes.

    None: the caller left in the middle of it.
    """
    taken: list[Message] = []
    while not taken or taken[-1].get("more_body"):
        taken.append(await receive())
        if taken[-1]["type"] != "http.request":
            return None
    taken.reverse()

    async def again() -> Message:
        return taken.pop() if taken else await receive()

    return again


def _holding(send: Send, slot: Slot, headers: Mapping[str, str]) -> Send:
    """Sends on, and gives the place back with the last byte."""
    marked = _with(send, headers)

    async def sending(message: Message) -> None:
        await marked(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            slot.release()

    return sending


def _with(send: Send, headers: Mapping[str, str]) -> Send:
    if not headers:
        return send

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return marked
