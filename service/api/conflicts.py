"""知识库: where published documents contradict each other, and what a person rules on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.library.conflicts.disputes import Wanted
from service.schemas import Conflict, ConflictPage, RulingIn, Shop, Text

router = APIRouter(route_class=StrictRoute)

Id = Annotated[str, Path(description=parameter("conflict_id"), max_length=100)]
InShop = Annotated[Shop, Query(description=parameter("shop"))]


@router.get("/v1/knowledge/conflicts", response_model=ConflictPage, **described("list_conflicts", 404, 422))
async def list_conflicts(
    request: Request,
    state: Annotated[Wanted, Query(description=parameter("conflict_state"))] = "open",
    document: Annotated[Text | None, Query(description=parameter("conflict_document"), max_length=200)] = None,
    shop: InShop = "default",
) -> ConflictPage:
    """The contradictions between documents this shop sees, law first."""
    return desk_of(request).library.disputes.page(shop, state, document)


@router.get("/v1/knowledge/conflicts/{id}", response_model=Conflict, **described("get_conflict", 404, 422))
async def get_conflict(request: Request, id: Id, shop: InShop = "default") -> Conflict:
    """One contradiction."""
    return desk_of(request).library.disputes.one(id, shop)


@router.post(
    "/v1/knowledge/conflicts/{id}/ruling",
    response_model=Conflict,
    **described("rule_conflict", 400, 404, 409, 413, 415, 422, 503),
)
async def rule_conflict(
    request: Request, id: Id, ruling: Annotated[RulingIn, Body(openapi_examples=request_examples("rule_conflict"))]
) -> Conflict:
    """Decide which side holds; again, and the newer ruling holds."""
    disputes = desk_of(request).library.disputes
    return await disputes.rule(id, ruling.keep, ruling.shop, author=ruling.author, note=ruling.note)
