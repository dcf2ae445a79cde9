"""审计: who did what and when, for those who answer for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.acting import ANY_SHOP, acting
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.schemas import Shop, Text
from service.schemas.audit import AuditEntry, AuditPage
from service.schemas.base import Moment
from service.schemas.erasures import Erased, ErasureIn

if TYPE_CHECKING:
    from service.api.eval_pages import PageWriter

router = APIRouter(route_class=StrictRoute)


class AuditQuery(BaseModel):
    """Which entries are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Annotated[Shop, Field(description=parameter("audit_shop"))] | None = None
    actor: Annotated[Text, Field(max_length=200, description=parameter("audit_actor"))] | None = None
    action: Annotated[Text, Field(max_length=60, description=parameter("audit_action"))] | None = None
    object: Annotated[Text, Field(max_length=300, description=parameter("audit_object"))] | None = None
    since: Annotated[Moment, Field(description=parameter("audit_since"))] | None = None
    until: Annotated[Moment, Field(description=parameter("audit_until"))] | None = None
    limit: int = Field(default=50, ge=1, le=500, description=parameter("audit_limit"))
    cursor: Annotated[int, Field(ge=1, le=2**62, description=parameter("cursor"))] | None = None


@router.get("/v1/audit", response_model=AuditPage, **described("list_audit", 422, 503))
async def list_audit(request: Request, query: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Entries of the trail, newest first; a key of one shop sees those of its shop."""
    from service.database.trail import Wanted, list_trail

    bound = acting().shop
    shop = query.shop if bound == ANY_SHOP else bound
    wanted = Wanted(shop, query.actor, query.action, query.object, query.since, query.until)
    page = await list_trail(desk_of(request).library.database, wanted, query.limit, query.cursor)
    shown = [AuditEntry.model_validate(one, from_attributes=True) for one in page.entries]
    return AuditPage(entries=shown, next=page.next)


@router.post("/v1/erasures", response_model=Erased, **described("create_erasure", 400, 413, 415, 422, 503))
async def create_erasure(
    request: Request,
    wanted: Annotated[ErasureIn, Body(openapi_examples=request_examples("create_erasure"))],
) -> Erased:
    """Erase one buyer's data; what is asked for is neither logged nor kept, only its keyed digest."""
    from service.database.unmaking import Whose
    from service.erasing import erase

    desk = desk_of(request)
    whose = Whose(wanted.shop, wanted.buyer, wanted.conversation, wanted.draft)
    settings = desk.settings
    done, folders = await erase(desk.library.database, settings.data_dir, whose, dry_run=wanted.dry_run)
    pages: PageWriter = request.app.state.pages
    for folder in folders:
        pages.ask(folder, settings)
    return done
