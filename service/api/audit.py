"""审计: who did what and when, for those who answer for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.acting import ANY_SHOP, acting
from service.api.described import described, parameter
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.schemas import Shop, Text
from service.schemas.audit import AuditEntry, AuditPage

router = APIRouter(route_class=StrictRoute)


class AuditQuery(BaseModel):
    """Which entries are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Annotated[Shop, Field(description=parameter("audit_shop"))] | None = None
    actor: Annotated[Text, Field(max_length=200, description=parameter("audit_actor"))] | None = None
    action: Annotated[Text, Field(max_length=60, description=parameter("audit_action"))] | None = None
    object: Annotated[Text, Field(max_length=300, description=parameter("audit_object"))] | None = None
    since: Annotated[datetime, Field(description=parameter("audit_since"))] | None = None
    until: Annotated[datetime, Field(description=parameter("audit_until"))] | None = None
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
