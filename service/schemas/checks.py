"""Texts to check or to mask, and what was found in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StrictBool

from service.schemas.base import MAX_MESSAGES, MAX_TEXT_CHARS, Facts, In, Out, Shop, StepName, Text, Verdict
from service.schemas.drafts import Finding
from service.schemas.inquiry import Message, Order

MAX_ITEMS = 200
"""Items of one batch."""
MAX_BATCH_CHARS = 200_000
"""Characters of all texts of one batch."""


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
    repair: StrictBool = False
    """Also give the text rewritten where the rules can do it."""


class Change(Out):
    """One change of a repair: what stood at ``start:end`` of the text as sent, and what stands there now."""

    start: int
    end: int
    before: str
    after: str
    rule: str


class CheckResult(Out):
    """``passed`` is false when anything blocks. The findings are those of the text as sent.

    Asked to repair, it carries ``repaired`` with every change; without a text when a person must write, and
    ``repair_reason`` then says why.
    """

    passed: bool
    findings: list[Finding]
    repaired: str | None = None
    changes: list[Change] = Field(default_factory=list)
    repair_reason: str | None = None


class BatchRequest(In):
    """Many texts to check. Items are read one by one, so that a broken one spoils no other."""

    items: Annotated[
        list[JsonValue],
        Field(
            min_length=1,
            max_length=MAX_ITEMS,
            json_schema_extra={"items": {"$ref": "#/components/schemas/CheckRequest"}},
        ),
    ]


class ItemProblem(Out):
    """Why an item could not be checked; ``code`` and ``detail`` as in a problem document."""

    code: str
    detail: str
    errors: list[dict[str, str]] = Field(default_factory=list)


class BatchItem(Out):
    """The outcome of one item: a result or a problem. ``index`` is its place in the request, from 0."""

    index: int
    result: CheckResult | None = None
    error: ItemProblem | None = None


class BatchSummary(Out):
    """Counts over the items that could be checked; ``failed`` are those that could not."""

    items: int
    checked: int
    failed: int
    passed: int
    blocked: int
    passed_share: float | None
    """Passed among checked, 0 to 1; null when none was checked."""
    by_category: dict[str, int]
    by_severity: dict[str, int]
    by_rule: dict[str, int]


class BatchResult(Out):
    """Every item in order, and what they come to."""

    items: list[BatchItem]
    summary: BatchSummary


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
