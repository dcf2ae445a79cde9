"""复核: what people say about scores, what waits for them, and live drafts taken in for them to look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from evals.live import LiveTaken, take_live
from evals.queue import WaitingPage, waiting
from evals.review_intake import Taken, take_in
from evals.reviews import ReviewsIn
from evals.rubric import shipped_rubric
from evals.runs import runs_dir
from evals.sight import Sight
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.eval_pages import PageWriter
from service.api.evals import RunId, ShopQuery, folder_of
from service.api.route import StrictRoute
from service.database.deeds import drafts_sampled, reviews_added
from service.schemas import Shop
from service.schemas.base import In, Moment

router = APIRouter(route_class=StrictRoute)


class QueueQuery(BaseModel):
    """What of the queue is shown."""

    model_config = ConfigDict(extra="forbid")

    shop: Shop = Field(default="default", description=parameter("shop"))
    limit: int = Field(default=50, ge=1, le=500, description=parameter("queue_limit"))


class LiveIn(In):
    """Which live drafts are looked at. ``since``: from here; where the last look ended when not given."""

    shop: Shop = "default"
    since: Moment | None = None


def pages_of(request: Request) -> PageWriter:
    """Who writes the application's reports again."""
    pages: PageWriter = request.app.state.pages
    return pages


@router.post(
    "/v1/evals/runs/{id}/reviews",
    response_model=Taken,
    **described("add_reviews", 400, 404, 413, 415, 422, 503),
)
async def add_reviews(
    request: Request,
    id: RunId,
    given: Annotated[ReviewsIn, Body(openapi_examples=request_examples("add_reviews"))],
    shop: ShopQuery = "default",
) -> Taken:
    """Take a person's reviews into a run, all of them or none."""
    desk = desk_of(request)
    folder, settings = folder_of(request, id, shop), desk.settings
    taken = await run_in_threadpool(take_in, folder, given, shipped_rubric())
    if taken.taken:
        told = reviews_added(taken.run, shop, given.rubric, given.reviews, taken.taken)
        await desk.library.database.note(told)
        pages_of(request).ask(folder, settings)
    return taken


@router.get("/v1/evals/queue", response_model=WaitingPage, **described("review_queue", 404, 422, 503))
async def review_queue(request: Request, query: Annotated[QueueQuery, Query()]) -> WaitingPage:
    """What waits for a person in a shop's runs."""
    home = desk_of(request).settings.data_dir
    return await run_in_threadpool(waiting, home, query.shop, shipped_rubric(), query.limit)


@router.post("/v1/evals/live", response_model=LiveTaken, **described("sample_drafts", 400, 404, 413, 415, 422, 503))
async def sample_drafts(
    request: Request,
    wanted: Annotated[LiveIn, Body(openapi_examples=request_examples("sample_drafts"))],
) -> LiveTaken:
    """Take what is new of the live drafts into the shop's standing run."""
    desk = desk_of(request)
    settings, sight = desk.settings, Sight(desk.rulebook, shipped_rubric())
    taken = await take_live(settings.data_dir, desk.library.database, desk.store, sight, wanted.shop, wanted.since)
    await desk.library.database.note([drafts_sampled(taken.run, wanted.shop, taken.looked_at, taken.taken)])
    if taken.taken:
        pages_of(request).ask(runs_dir(settings.data_dir) / taken.run, settings)
    return taken
