"""What became of drafts: a list of them, and what a person made of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.schemas.base import MAX_MESSAGE_CHARS, In, Out, Text, Verdict, WriterKind
from service.schemas.drafts import DraftState, Finding

FeedbackAction = Literal["adopted", "edited", "rejected"]


class FeedbackIn(In):
    """What a person did with a draft. ``final_text``: what was sent; for ``adopted`` it is the reply itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"action": {"const": "edited"}}},
            "then": {"properties": {"final_text": {"type": "string", "pattern": r"\S"}}, "required": ["final_text"]},
        }
    )

    action: FeedbackAction
    final_text: Annotated[Text, Field(min_length=1, max_length=MAX_MESSAGE_CHARS)] | None = None
    reason: Annotated[Text, Field(max_length=500)] | None = None


class Feedback(Out):
    """Feedback as it was written down. ``passed`` is null where nothing was told to have been sent."""

    draft: str
    action: FeedbackAction
    final_text: str | None
    reason: str | None
    passed: bool | None
    findings: list[Finding]
    notice: str | None = None
    """Chinese, when what was sent has something in it that must be changed: it is written down all the same."""
    given_at: datetime


class DraftInfo(Out):
    """A draft in a list."""

    id: str
    created_at: datetime
    shop: str
    conversation: str | None
    state: DraftState
    superseded_by: str | None
    verdict: Verdict
    scenario: str
    scenario_name: str
    reply: str
    writer: WriterKind
    feedback: Feedback | None


class DraftPage(Out):
    """Drafts, newest first. ``next`` is the cursor of the page behind this one; null at the end."""

    drafts: list[DraftInfo]
    next: str | None
