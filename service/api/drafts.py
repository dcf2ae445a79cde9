"""草稿: making one, plain or as a stream, and fetching one again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.sse import format_sse_event

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.problems import problem_of, request_id
from service.api.route import StrictRoute
from service.api.streaming import EventStream, wire, with_pings
from service.errors import NotFound, YouliError, told_by
from service.schemas import Draft, Event, Inquiry, Shop

router = APIRouter(route_class=StrictRoute)

ID = re.compile(r"dft_[0-9A-Za-z]{1,60}")
"""What a draft's id looks like; anything else is not looked up."""

DraftId = Annotated[str, Path(description=parameter("id"), max_length=100)]
ShopQuery = Annotated[Shop, Query(description=parameter("shop"))]


def _create_words() -> dict[str, Any]:
    words = described("create_draft", 400, 404, 413, 415, 422, 503, success=201)
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
        return EventStream(_stream(first, events, request_id(request.scope)), events)
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
    return told_by(event.data if event.type == "draft.failed" else {})


def _stream(first: Event, events: AsyncIterator[Event], request: str) -> AsyncIterator[bytes]:
    """The events on the wire, counted from 0."""
    number = -1

    def framed(event: Event) -> bytes:
        nonlocal number
        number += 1
        return frame(event, number)

    def failed(error: YouliError) -> bytes:
        data = problem_of(error, request).model_dump_json()
        return format_sse_event(event="draft.failed", data_str=data, id=str(number + 1))

    return wire(with_pings(first, events), framed, failed, request)


def frame(event: Event, number: int) -> bytes:
    """One event as ``text/event-stream``: the completed one carries the whole draft as its data."""
    if event.draft is not None:
        data = event.draft.model_dump_json(by_alias=True)
    else:
        data = event.model_dump_json(include={"data"})[len('{"data":') : -1]
    return format_sse_event(event=event.type, data_str=data, id=str(number))
