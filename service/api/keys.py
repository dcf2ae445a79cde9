"""钥匙: made, listed and revoked by admins; an admin of one shop sees and makes that shop's only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from service.access.keys import Keys
from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.schemas.keys import KeyIn, KeyInfo, KeyMade, KeyPage, ShopOrAll

router = APIRouter(route_class=StrictRoute)

KeyId = Annotated[str, Path(max_length=100, description=parameter("key"))]
KeyShop = Annotated[ShopOrAll | None, Query(description=parameter("key_shop"))]


@router.post("/v1/keys", response_model=KeyMade, **described("create_key", 400, 404, 413, 415, 422, 503, success=201))
async def create_key(
    request: Request, wanted: Annotated[KeyIn, Body(openapi_examples=request_examples("create_key"))]
) -> KeyMade:
    """Make a key; it is told in this answer and never again."""
    return await _keys(request).create(wanted)


@router.get("/v1/keys", response_model=KeyPage, **described("list_keys", 404, 422, 503))
async def list_keys(request: Request, shop: KeyShop = None) -> KeyPage:
    """The keys there are, without what opens anything."""
    return await _keys(request).list(shop)


@router.delete("/v1/keys/{id}", response_model=KeyInfo, **described("revoke_key", 404, 422, 503))
async def revoke_key(request: Request, id: KeyId, shop: KeyShop = None) -> KeyInfo:
    """Let a key open nothing any more: at once here, within seconds in other processes."""
    left = await _keys(request).revoke(id, shop)
    if request.app.state.gate is not None:
        request.app.state.gate.forget(left.id)
    return left


def _keys(request: Request) -> Keys:
    return Keys(desk_of(request).library.database)
