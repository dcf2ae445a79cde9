"""Keys as those who give them out see them; the key itself is told once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from service.acting import ANY_SHOP, ContextRole, Role
from service.schemas.base import In, Moment, Out, Text, no_text

ShopOrAll = Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9_-]{0,63})$")]
"""A shop, or ``*`` for all of them."""
PerMinute = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(no_text)]
PerDay = Annotated[int, Field(ge=0, le=10_000_000_000), BeforeValidator(no_text)]


class KeyIn(In):
    """A key that is wanted."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"shop": {"const": ANY_SHOP}}},
            "then": {"properties": {"role": {"const": "admin"}}},
        }
    )

    name: Annotated[Text, Field(min_length=1, max_length=128)]
    role: Role
    shop: ShopOrAll
    """``*`` for admins only."""
    context_role: ContextRole | None = None
    """The highest ``context.role`` it may state; the role's default when not given."""
    expires_at: Moment | None = None
    """Given as null: never; not given: after the days the team chose."""
    rate_per_minute: PerMinute | None = None
    tokens_per_day: PerDay | None = None


class KeyInfo(Out):
    """A key without its secret."""

    id: str
    prefix: str
    name: str
    role: Role
    shop: str
    context_role: ContextRole
    rate_per_minute: int | None
    tokens_per_day: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


class KeyMade(KeyInfo):
    """A new key, with what nobody is told a second time."""

    key: str


class KeyPage(Out):
    """Keys, oldest first, those that open nothing any more among them."""

    keys: list[KeyInfo]
