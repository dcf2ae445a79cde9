"""Where events are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import In, Out, Shop, Text

EventName = Literal["draft.adopted", "draft.edited", "eval.run.completed", "knowledge.published"]
HookFormat = Literal["youli", "feishu", "dingtalk", "wecom"]
DeliveryState = Literal["waiting", "delivered", "dead"]


ADDRESS = r"^[Hh][Tt][Tt][Pp][Ss]?://[!-\"$-.0->A-~]+([/?][!-\"$-~]*)?$"
"""Web addresses in ASCII, without a user's name and a fragment; whether one is public only a look-up can tell."""


class WebhookIn(In):
    """A hook to be made. ``secret``: a group robot's own signing secret; ours is made here and told once."""

    shop: Shop = "default"
    url: Annotated[Text, Field(min_length=8, max_length=2_000, json_schema_extra={"pattern": ADDRESS})]
    events: Annotated[list[EventName], Field(min_length=1, max_length=10)]
    format: HookFormat = "youli"
    secret: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class Webhook(Out):
    """A hook, without what only its owner may know."""

    id: str
    shop: str
    url: str
    """Without its query and whatever looks like a token."""
    events: list[EventName]
    format: HookFormat
    active: bool
    created_at: datetime
    created_by: str


class WebhookMade(Webhook):
    """A hook that was just made; ``secret`` is told here and never again. Null where the robot's own is used."""

    secret: str | None


class WebhookPage(Out):
    """Hooks of a shop, the first made first."""

    webhooks: list[Webhook]


class Delivery(Out):
    """One event for one hook."""

    id: str
    webhook: str
    event: str
    event_id: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str | None
    created_at: datetime
    next_at: datetime
    done_at: datetime | None


class DeliveryPage(Out):
    """Deliveries, newest first."""

    deliveries: list[Delivery]
