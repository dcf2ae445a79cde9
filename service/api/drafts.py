"""草稿: making one, plain or as a stream, and fetching one again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.problems import problem_of, request_id
from service.api.route import StrictRoute
from service.errors import NotFound, YouliError
from service.logs import frames
from service.schemas import Draft, Event, Inquiry, Shop

router = APIRouter(route_class=StrictRoute)

PING_S = 15.0
"""Seconds of silence before a comment keeps proxies and browsers from hanging up."""

ID = re.compile(r"dft_[0-9A-Za-z]{1,60}")
"""What a draft's id looks like; anything else is not looked up."""

DraftId = Annotated[str, Path(description=parameter("id"), max_length=100)]
ShopQuery = Annotated[Shop, Query(description=parameter("shop"))]
_log = structlog.get_logger()


def _create_words() -> dict[str, Any]:
    words = described("create_draft", 400, 413, 415, 422, 503, success=201)
    words["responses"][200] = {"description": parameter("stream"), "content": {"text/event-stream": {}}}
    return words


@router.post("/v1/drafts", response_model=Draft, **_create_words())
async def create_draft(
    request: Request, inquiry: Annotated[Inquiry, Body(openapi_examples=request_examples("create_draft"))]
) -> Response:
    """Draft a reply; everything that can refuse does so before a stream begins."""
    events = desk_of(request).drafter.draft(inquiry)
    first = await anext(events)
    if inquiry.stream:
        return StreamingResponse(
            _stream(first, events, request_id(request.scope)),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )
    last = first
    async for event in events:
        last = event
    if last.draft is None:
        raise failure_of(last)
    body = last.draft.model_dump_json(by_alias=True)
    return Response(body, 201, {"Location": location_of(last.draft)}, "application/json")


@router.get("/v1/drafts/{id}", response_model=Draft, **described("get_draft", 404, 422, 503))
async def get_draft(request: Request, id: DraftId, shop: ShopQuery = "default") -> Response:
    """A draft as it was given out."""
    found = await desk_of(request).store.get_draft(id, shop) if ID.fullmatch(id) else None
    if found is None:
        raise no_draft(id)
    return Response(found[0].model_dump_json(by_alias=True), media_type="application/json")


def no_draft(id: str) -> NotFound:
    """The refusal for an id this shop has no draft of."""
    return NotFound("draft_not_found", id=id[:80])


def location_of(draft: Draft) -> str:
    """Where a draft can be fetched; another shop than the default one must be named."""
    suffix = "" if draft.shop == "default" else f"?shop={draft.shop}"
    return f"/v1/drafts/{draft.id}{suffix}"


def failure_of(event: Event) -> YouliError:
    """The error a stream that ended without a draft stands for."""
    error = YouliError()
    if event.type == "draft.failed" and isinstance(event.data.get("code"), str):
        error = YouliError(str(event.data["code"]))
        status = event.data.get("status")
        error.status = status if isinstance(status, int) else error.status
    return error


async def _stream(first: Event, events: AsyncIterator[Event], request: str) -> AsyncIterator[bytes]:
    """The events on the wire; a failure after the start is the last event, never a cut line."""
    number = 0
    try:
        yield frame(first, number)
        async for event in _with_pings(events):
            if event is None:
                yield KEEPALIVE_COMMENT
                continue
            number += 1
            yield frame(event, number)
    except YouliError as error:
        yield _failed(error, request, number + 1)
    except Exception as error:
        _log.error("unhandled", request_id=request, where=frames(error))
        yield _failed(YouliError(), request, number + 1)


async def _with_pings(events: AsyncIterator[Event]) -> AsyncIterator[Event | None]:
    """The events, and ``None`` for every :data:`PING_S` in which none came. Closes ``events`` when left early."""
    pending: asyncio.Task[Event] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(_next(events))
            while not (await asyncio.wait({pending}, timeout=PING_S))[0]:
                yield None
            try:
                event = pending.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        if pending is not None and not pending.done():  # the reader left: stop the model call too
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _next(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


def frame(event: Event, number: int) -> bytes:
    """One event as ``text/event-stream``: the completed one carries the whole draft as its data."""
    if event.draft is not None:
        data = event.draft.model_dump_json(by_alias=True)
    else:
        data = event.model_dump_json(include={"data"})[len('{"data":') : -1]
    return format_sse_event(event=event.type, data_str=data, id=str(number))


def _failed(error: YouliError, request: str, number: int) -> bytes:
    return format_sse_event(event="draft.failed", data_str=problem_of(error, request).model_dump_json(), id=str(number))
