"""知识库: searching what is published."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from service.api.described import described, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.schemas import SearchRequest, SearchResult

router = APIRouter(route_class=StrictRoute)


@router.post(
    "/v1/knowledge/search", response_model=SearchResult, **described("search_knowledge", 400, 404, 413, 415, 422)
)
async def search_knowledge(
    request: Request, search: Annotated[SearchRequest, Body(openapi_examples=request_examples("search_knowledge"))]
) -> SearchResult:
    """Search the published passages."""
    return await desk_of(request).library.find(search)
