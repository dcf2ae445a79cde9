"""改进建议: what people's edits suggest for the team's files, and what a person decided."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.revisions import IfMatch, expected, tag
from service.api.route import StrictRoute
from service.schemas import Shop
from service.schemas.proposals import (
    DecisionIn,
    Gathered,
    GatherIn,
    Proposal,
    ProposalKind,
    ProposalPage,
    ProposalState,
)

router = APIRouter(route_class=StrictRoute)

Id = Annotated[str, Path(description=parameter("proposal"), max_length=100)]
InShop = Annotated[Shop, Query(description=parameter("shop"))]


class ProposalQuery(BaseModel):
    """Which proposals are listed."""

    model_config = ConfigDict(extra="forbid")

    shop: Shop = Field(default="default", description=parameter("shop"))
    state: Annotated[ProposalState, Field(description=parameter("proposal_state"))] | None = None
    kind: Annotated[ProposalKind, Field(description=parameter("proposal_kind"))] | None = None
    limit: int = Field(default=50, ge=1, le=200, description=parameter("limit"))


@router.post(
    "/v1/proposals", response_model=Gathered, **described("gather_proposals", 400, 404, 409, 413, 415, 422, 503)
)
async def gather_proposals(
    request: Request, given: Annotated[GatherIn, Body(openapi_examples=request_examples("gather_proposals"))]
) -> Gathered:
    """Look through feedback nobody has looked through yet."""
    from service.insight.proposing import proposing_of

    return await proposing_of(desk_of(request)).gathering.gather(given.shop)


@router.get("/v1/proposals", response_model=ProposalPage, **described("list_proposals", 404, 422, 503))
async def list_proposals(request: Request, query: Annotated[ProposalQuery, Query()]) -> ProposalPage:
    """Proposals of a shop, most often said first."""
    from service.insight.proposing import proposing_of

    return await proposing_of(desk_of(request)).page(query.shop, query.state, query.kind, query.limit)


@router.get("/v1/proposals/{id}", response_model=Proposal, **described("get_proposal", 404, 422, 503))
async def get_proposal(request: Request, id: Id, response: Response, shop: InShop = "default") -> Proposal:
    """One proposal with its patch."""
    from service.insight.proposing import proposing_of

    return _tagged(await proposing_of(desk_of(request)).one(id, shop), response)


@router.post(
    "/v1/proposals/{id}/accept",
    response_model=Proposal,
    **described("accept_proposal", 400, 404, 409, 412, 413, 415, 422, 503),
)
async def accept_proposal(
    request: Request,
    id: Id,
    response: Response,
    given: Annotated[DecisionIn, Body(openapi_examples=request_examples("accept_proposal"))],
    if_match: IfMatch = None,
    shop: InShop = "default",
) -> Proposal:
    """Accept one: the answer holds the patch, no file is written."""
    return _tagged(await _decided(request, id, shop, "accepted", given, if_match), response)


@router.post(
    "/v1/proposals/{id}/reject",
    response_model=Proposal,
    **described("reject_proposal", 400, 404, 409, 412, 413, 415, 422, 503),
)
async def reject_proposal(
    request: Request,
    id: Id,
    response: Response,
    given: Annotated[DecisionIn, Body(openapi_examples=request_examples("reject_proposal"))],
    if_match: IfMatch = None,
    shop: InShop = "default",
) -> Proposal:
    """Reject one: its like are not proposed again."""
    return _tagged(await _decided(request, id, shop, "rejected", given, if_match), response)


async def _decided(
    request: Request,
    id: str,
    shop: str,
    state: Literal["accepted", "rejected"],
    given: DecisionIn,
    if_match: str | None,
) -> Proposal:
    from service.insight.proposing import proposing_of

    return await proposing_of(desk_of(request)).decide(id, shop, state, given.note, expected(if_match))


def _tagged(made: Proposal, response: Response) -> Proposal:
    response.headers["ETag"] = tag(made.revision)
    return made
