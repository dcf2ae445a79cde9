"""事件通知: hooks of a shop, and what was sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from service.api.described import described, parameter, request_examples
from service.api.desk import desk_of
from service.api.route import StrictRoute
from service.schemas import Shop
from service.schemas.webhooks import (
    Delivery,
    DeliveryPage,
    DeliveryState,
    Webhook,
    WebhookIn,
    WebhookMade,
    WebhookPage,
)

if TYPE_CHECKING:
    from service.hooks.hooks import Hooks

router = APIRouter(route_class=StrictRoute)

Id = Annotated[str, Path(description=parameter("webhook"), max_length=100)]
DeliveryId = Annotated[str, Path(description=parameter("delivery"), max_length=100)]
InShop = Annotated[Shop, Query(description=parameter("shop"))]


@router.post(
    "/v1/webhooks",
    response_model=WebhookMade,
    **described("create_webhook", 400, 404, 409, 413, 415, 422, 503, success=201),
)
async def create_webhook(
    request: Request, wanted: Annotated[WebhookIn, Body(openapi_examples=request_examples("create_webhook"))]
) -> WebhookMade:
    """Make a hook; its secret is told in this answer and never again."""
    return await _hooks(request).create(wanted)


@router.get("/v1/webhooks", response_model=WebhookPage, **described("list_webhooks", 404, 422, 503))
async def list_webhooks(request: Request, shop: InShop = "default") -> WebhookPage:
    """The hooks of a shop."""
    return await _hooks(request).page(shop)


@router.delete("/v1/webhooks/{id}", response_model=Webhook, **described("delete_webhook", 404, 422, 503))
async def delete_webhook(request: Request, id: Id, shop: InShop = "default") -> Webhook:
    """Delete a hook with all that was still to be sent to it."""
    return await _hooks(request).remove(id, shop)


@router.post(
    "/v1/webhooks/{id}/test",
    response_model=Delivery,
    **described("test_webhook", 400, 404, 409, 413, 415, 422, 503, success=202),
)
async def test_webhook(request: Request, id: Id, shop: InShop = "default") -> Delivery:
    """Send an event that only says the way is open."""
    return await _hooks(request).test(id, shop)


@router.get("/v1/webhooks/{id}/deliveries", response_model=DeliveryPage, **described("list_deliveries", 404, 422, 503))
async def list_deliveries(
    request: Request,
    id: Id,
    state: Annotated[DeliveryState | None, Query(description=parameter("delivery_state"))] = None,
    limit: Annotated[int, Query(ge=1, le=200, description=parameter("limit"))] = 50,
    shop: InShop = "default",
) -> DeliveryPage:
    """What was and is to be sent to a hook."""
    return await _hooks(request).deliveries(id, shop, state, limit)


@router.post(
    "/v1/webhooks/{id}/deliveries/{n}/redeliver",
    response_model=Delivery,
    **described("redeliver", 400, 404, 409, 413, 415, 422, 503, success=202),
)
async def redeliver(request: Request, id: Id, n: DeliveryId, shop: InShop = "default") -> Delivery:
    """Send once more, with the same event id."""
    return await _hooks(request).again(id, shop, n)


def _hooks(request: Request) -> Hooks:
    from service.hooks.hooks import Hooks

    desk = desk_of(request)
    return Hooks(desk.library.database, desk.settings)
