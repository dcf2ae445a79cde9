"""Words, limits and bases all shapes share."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic_core import PydanticKnownError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Verdict = Literal["reasonable", "unreasonable", "needs_clarification"]
Threat = Literal["none", "bad_review", "platform_complaint", "exposure", "legal"]
Emotion = Literal["calm", "angry", "hostile", "disappointed", "confused", "anxious", "pleading", "sarcastic"]
Authority = Literal["law", "platform", "shop", "guideline"]
StepName = Literal["empathy", "rule", "alternative", "firmness", "closing", "solution", "question"]
Category = Literal[
    "demeaning",
    "vague",
    "blame_shifting",
    "over_apology",
    "unauthorized_promise",
    "flat_refusal",
    "method",
    "grounding",
    "law",
    "red_line",
    "privacy",
    "leak",
    "length",
]
Severity = Literal["block", "warn"]
WriterKind = Literal["model", "playbook"]
Evidence = Literal["none", "photo", "video", "inspection_report"]
DocumentKind = Literal["law", "platform", "shop", "guideline", "scenario"]
AUTHORITY_OF: dict[DocumentKind, Authority] = {
    "law": "law",
    "platform": "platform",
    "shop": "shop",
    "guideline": "guideline",
    "scenario": "guideline",
}
"""The authority a kind of document has by itself, and at most."""

MAX_MESSAGES = 200
MAX_MESSAGE_CHARS = 8_000
MAX_TEXT_CHARS = 50_000
MAX_FACT_KEYS = 100
MAX_FACT_CHARS = 4_000
MAX_FACT_KEY_CHARS = 200


class In(BaseModel):
    """Base of what callers send: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(extra="forbid")


def _no_surrogates(value: Any) -> Any:
    """Refuse lone surrogates: JSON can carry them, UTF-8 cannot, and no database could store them."""
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("contains a lone surrogate")
    return value


Text = Annotated[str, BeforeValidator(_no_surrogates)]


def _no_number(value: Any) -> Any:
    """Refuse a number where a time is wanted: it would be taken for seconds since 1970."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise PydanticKnownError("datetime_parsing", {"error": "a number"})
    return value


def no_switch(value: Any) -> Any:
    """Refuse true and false where a number is wanted: ``false`` is not the day of receipt."""
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


def no_text(value: Any) -> Any:
    """Refuse a number in quotes, and true or false, where a number is wanted."""
    if isinstance(value, (str, bool)):
        raise PydanticKnownError("int_type")
    return value


Moment = Annotated[datetime, BeforeValidator(_no_number)]
"""A time as callers send it: RFC 3339, never a number."""
Shop = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Number = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False, strict=False), BeforeValidator(no_switch)]
Days = Annotated[int, Field(ge=0, le=36_500), BeforeValidator(no_switch)]


def _bounded(facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(facts) > MAX_FACT_KEYS:
        raise ValueError(f"more than {MAX_FACT_KEYS} keys")
    for key, value in facts.items():
        if len(key) > MAX_FACT_KEY_CHARS or len(str(value)) > MAX_FACT_CHARS:
            raise ValueError(f"key {key[:40]!r} or its value is longer than {MAX_FACT_CHARS} characters")
        _no_surrogates(key)
        _no_surrogates(str(value))
    return facts


Facts = Annotated[
    dict[str, JsonValue],
    Field(json_schema_extra={"maxProperties": MAX_FACT_KEYS, "propertyNames": {"maxLength": MAX_FACT_KEY_CHARS}}),
    AfterValidator(_bounded),
]


class Problem(BaseModel):
    """An RFC 9457 problem document; some codes have further members (``boundaries``, ``current``, ``changes`` …)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] = Field(default_factory=list)
