"""用量和反馈: what drafts and the feedback on them tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.acting import ANY_SHOP, acting
from service.api.described import described, parameter
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.errors import InvalidRequest, messages
from service.schemas import Shop
from service.schemas.analytics import Analytics, GroupBy
from service.schemas.base import Moment

if TYPE_CHECKING:
    from service.database.analytics import Window

router = APIRouter(route_class=StrictRoute)

USUAL = timedelta(days=30)
LONGEST = timedelta(days=400)


class AnalyticsQuery(BaseModel):
    """Which drafts are counted, and how it is told."""

    model_config = ConfigDict(extra="forbid")

    shop: Annotated[Shop, Field(description=parameter("analytics_shop"))] | None = None
    since: Annotated[Moment, Field(description=parameter("analytics_since"))] | None = None
    until: Annotated[Moment, Field(description=parameter("analytics_until"))] | None = None
    by: Annotated[list[GroupBy], Field(description=parameter("analytics_by"), max_length=12)] = Field(
        default_factory=list
    )
    format: Annotated[Literal["json", "csv"], Field(description=parameter("analytics_format"))] = "json"


def _words() -> dict[str, Any]:
    words = described("get_analytics", 404, 422, 503)
    words["responses"][200].setdefault("content", {})["text/csv"] = {"schema": {"type": "string"}}
    return words


@router.get("/v1/analytics", response_model=Analytics, **_words())
async def get_analytics(request: Request, query: Annotated[AnalyticsQuery, Query()]) -> Response:
    """Count the drafts of a window."""
    from service.insight.analytics import EVERY
    from service.insight.asking import counting_of
    from service.insight.sheet import as_csv

    window = window_of(whose(query.shop), query.since, query.until)
    every = tuple(name for name in EVERY if name != "shop" or window.shop is None)
    found = await counting_of(desk_of(request)).of(window, tuple(dict.fromkeys(query.by)) or every)
    if query.format == "csv":
        name = f"attachment; filename=youli-analytics-{window.until:%Y%m%d}.csv"
        return Response(as_csv(found), 200, {"Content-Disposition": name}, "text/csv; charset=utf-8")
    return Response(found.model_dump_json(), media_type="application/json")


def whose(shop: str | None) -> str | None:
    """The shop that is looked at: the one named, else the key's own; None for all shops, where the key may."""
    own = acting().shop
    return shop if shop is not None else (None if own == ANY_SHOP else own)


def window_of(shop: str | None, since: datetime | None, until: datetime | None) -> Window:
    """The window somebody asked for: thirty days up to now unless said otherwise.

    Raises:
        InvalidRequest: ``window_empty`` — it ends before it begins; ``window_too_long``.
    """
    from service.database.analytics import Window

    end = _utc(until) or datetime.now(UTC)
    try:
        begin = _utc(since) or end - USUAL
        too_long = end - begin > LONGEST
        begin - (end - begin)  # the window in front of it has to be a time too
    except OverflowError:
        too_long, begin = True, end
    if too_long:
        raise _field("window_too_long", "/query/since")
    if begin >= end:
        raise _field("window_empty", "/query/since")
    return Window(shop, begin, end)


def _utc(at: datetime | None) -> datetime | None:
    """A time in UTC; one without a zone is read as UTC."""
    if at is None:
        return None
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def _field(code: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(code, errors=[{"pointer": pointer, "message": messages()[code]["detail"]}])
