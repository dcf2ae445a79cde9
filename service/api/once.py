"""``Idempotency-Key`` at the doors: around the handler of every POST, after who may ask and before the work.

The claim is on disk before the work begins and the answer before it goes out. A client that leaves does not stop the
work of a plain request: the retry finds its answer. A stream that is cut gives its claim back, and the same request may
be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from service import watching
from service.api.asking import ask_of, document_made, form_of
from service.api.desk import desk_of
from service.api.problems import problem_response
from service.api.replay import KEPT_HEADERS, Recorded, replay
from service.api.streaming import Last
from service.errors import YouliError
from service.idempotency.keys import (
    HEADER,
    read_key,
)
from service.promise import Promise, promising

if TYPE_CHECKING:
    from service.assembly import Desk
    from service.database.claims import ClaimStore, Held
    from service.idempotency.keeper import Keeper

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def answered_once(route: APIRoute, inner: Handler) -> Handler:
    """The handler of a route; one of a POST does the work of a request with a key once."""
    if "POST" not in (route.methods or ()):
        return inner

    async def once(request: Request) -> Response:
        given = request.headers.getlist(HEADER)
        return await _once(route, request, read_key(given), inner) if given else await inner(request)

    return once


async def _once(route: APIRoute, request: Request, key: str, inner: Handler) -> Response:
    from service.database.claims import ClaimStore
    from service.idempotency.keeper import Kept

    desk, keeper = desk_of(request), request.app.state.keeper
    store = ClaimStore(desk.library.database)
    form = await form_of(request)
    begun = False
    try:
        ask = await ask_of(route, request, key, form)
        outcome = await keeper.begin(store, ask)
        while isinstance(outcome, Kept):
            again = await replay(outcome.answer, desk, store)
            if again is not None:
                watching.count("youli_idempotency_total", "replayed")
                return again
            await store.drop(outcome.row)  # what it was about is gone: the key is as good as new
            outcome = await keeper.begin(store, ask)
        begun = True
        watching.count("youli_idempotency_total", "new")
    finally:
        if form is not None and not begun:  # else the framework closes its files
            await form.close()
    return await Work(request, store, keeper, outcome).done_by(inner, desk)


class Work:
    """The work of one claim, and what becomes of it."""

    def __init__(self, request: Request, store: ClaimStore, keeper: Keeper, held: Held) -> None:
        self._request, self._store, self._keeper, self._held = request, store, keeper, held
        self._promise = Promise(held.promised)
        self._settled = False

    async def done_by(self, inner: Handler, desk: Desk) -> Response:
        """Have it done; its answer is kept when this returns, a stream's when its last piece is about to go out."""
        try:
            self._promise.draft = await self._kept_draft(desk)
            with promising(self._promise):
                response = await inner(self._request)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                mine = await self._failed(error)
            if mine or (theirs := await self._theirs(desk)) is None:
                raise
            return theirs
        if isinstance(response, StreamingResponse):
            return Recorded(response, self)
        mine = await self._answered(response.status_code, response.headers, bytes(response.body))
        return response if mine else await self._theirs(desk) or response

    async def ended(self, last: Last, headers: Mapping[str, str], body: bytes | None) -> None:
        """A stream came to its end; ``body`` is all that was sent of it, None when that is too much to keep."""
        if last.failure is None:
            await self._answered(200, headers, body)
        elif self._refused(last.failure):
            await self._release(last.failure)
        else:
            await self._answered(200, headers, body)

    async def cut(self) -> None:
        """A stream was left before its end; nothing after the end."""
        if not self._settled:
            await self._keeper.break_off(self._store, self._held)

    async def _kept_draft(self, desk: Desk) -> Any:
        """The draft of this request, if a process kept it and ended before it could answer."""
        if self._held.fresh:
            return None
        shop = await self._store.shop_of_draft(self._held.promised)
        found = await desk.store.get_draft(self._held.promised, shop) if shop is not None else None
        return found[0] if found else None

    async def _theirs(self, desk: Desk) -> Response | None:
        """The answer of the process that took this claim while we were silent: two that differ must not go out."""
        found = await self._keeper.answered(self._store, self._held.ask)
        return await replay(found.answer, desk, self._store) if found is not None else None

    async def _failed(self, error: BaseException) -> bool:
        """False when the claim is another process's by now."""
        if isinstance(error, Exception) and not self._refused(error):  # a result like any other
            told = problem_response(error if isinstance(error, YouliError) else YouliError(), self._request.scope)
            return await self._answered(told.status_code, told.headers, bytes(told.body))
        if isinstance(error, Exception):
            await self._release(error)
        else:
            await self._keeper.break_off(self._store, self._held)
        return True

    def _refused(self, error: BaseException) -> bool:
        from service.idempotency.keeper import policy, refused_by

        if isinstance(error, HTTPException):
            return policy().refused(error.status_code, None)
        return isinstance(error, RequestValidationError) or refused_by(error)

    async def _release(self, error: BaseException) -> None:
        """A part that is down may have broken in after a draft was kept: then it is there for the retry."""
        self._settled = True
        if isinstance(error, YouliError) and error.status >= 500:
            await self._keeper.break_off(self._store, self._held)
        else:
            await self._keeper.refuse(self._store, self._held)

    async def _answered(self, status: int, headers: Mapping[str, str], body: bytes | None) -> bool:
        """Keep an answer; False when the claim is another process's by now."""
        from service.database.claims import Answered
        from service.idempotency.keeper import policy

        self._settled = True
        ask, draft = self._held.ask, self._promise.draft
        if policy().refused(status, None):
            await self._keeper.refuse(self._store, self._held)
            return True
        kept, fate = "bytes", None
        if body is None or len(body) > policy().cap_bytes or ask.operation in policy().secrets:
            kept = "nothing"
        elif draft is not None and body == draft.model_dump_json(by_alias=True).encode():
            kept, fate = "draft", {"shop": draft.shop, "state": draft.state, "superseded_by": draft.superseded_by}
        answer = Answered(
            status=status,
            headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
            kept=kept,
            body=body if kept == "bytes" else None,
            fate=fate,
            draft_id=draft.id if draft is not None else ask.draft_id,
            document_id=ask.document_id or document_made(self._request, status, body),
        )
        return await self._keeper.finish(self._store, self._held, answer)
