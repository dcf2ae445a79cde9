"""Texts to check or to mask, and what was found in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import MAX_MESSAGES, MAX_TEXT_CHARS, Facts, In, Out, Shop, StepName, Text, Verdict
from service.schemas.drafts import Finding
from service.schemas.inquiry import Message, Order


class StepIn(In):
    """A step of a text to be checked."""

    step: StepName
    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]


class CheckRequest(In):
    """A text to check; ``draft`` supplies the rest from a stored draft."""

    text: Annotated[Text, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    draft: Annotated[str, Field(max_length=64)] | None = None
    steps: Annotated[list[StepIn], Field(max_length=20)] | None = None
    verdict: Verdict | None = None
    messages: Annotated[tuple[Message, ...], Field(max_length=MAX_MESSAGES)] | None = None
    order: Order | None = None
    policy: Facts | None = None
    shop: Shop = "default"


class CheckResult(Out):
    """``passed`` is false when anything blocks."""

    passed: bool
    findings: list[Finding]


EntityType = Literal[
    "phone",
    "landline",
    "id_card",
    "bank_card",
    "address",
    "name",
    "email",
    "wechat",
    "qq",
    "order_no",
    "tracking_no",
    "plate",
    "passport",
]


class MaskRequest(In):
    """A text whose personal data is to be masked."""

    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]


class Entity(Out):
    """One piece of personal data. Offsets are code points of the text as sent."""

    type: EntityType
    start: int
    end: int
    alias: str


class MaskResult(Out):
    """The text with aliases in place of personal data."""

    masked: str
    entities: list[Entity]
