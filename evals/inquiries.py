"""An inquiry as a case writes it, and what the API would make of it."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType

from service.rulebook.yamlfile import StrictModel
from service.schemas import Inquiry, Order

TYPED = frozenset(Order.model_fields)
WORDED = frozenset({"platform", "category", "product"})
"""Fields of an order that are words, whatever they look like."""
NOTHING = frozenset({"null", "~", ""})
"""How YAML writes that nothing is known."""
Written = TypeAliasType("Written", "str | list[Written] | dict[str, Written]")
"""A value as it is written: every scalar is text until the inquiry is built."""


class InquiryFile(StrictModel):
    """An inquiry as a case writes it: turns are ``customer: …`` or ``agent: …``; typed and free order keys mixed."""

    messages: list[dict[Literal["customer", "agent", "kind"], str]] = Field(min_length=1)
    """``kind`` beside the words: what was sent was no text but an image, video, voice or card."""
    order: dict[str, Written] = Field(default_factory=dict)
    policy: dict[str, Written] = Field(default_factory=dict)
    shop: str = "default"
    role: Literal["agent", "lead", "manager"] = "agent"
    tone: Literal["warm", "neutral", "formal"] | None = None
    instruction: str | None = None
    now: datetime | None = None

    def build(self) -> Inquiry:
        """The inquiry as the API would get it.

        Raises:
            ValidationError: the API would not take it.
        """
        turns = [
            {"role": role, "content": text, "kind": turn.get("kind", "text")}
            for turn in self.messages
            for role, text in turn.items()
            if role != "kind"
        ]
        order: dict[str, Any] = {key: _typed(key, value) for key, value in self.order.items() if key in TYPED}
        order["facts"] = {key: _plain(value) for key, value in self.order.items() if key not in TYPED}
        policy = {key: _plain(value) for key, value in self.policy.items()}
        whole = {
            "messages": turns,
            "order": order,
            "policy": policy,
            "shop": self.shop,
            "context": {"role": self.role},
            "style": {"tone": self.tone},
            "instruction": self.instruction,
            "now": self.now,
            "writer": "playbook",
        }
        return Inquiry.model_validate(whole)


def _typed(field: str, value: Written) -> JsonValue:
    """An order's own field: a platform called 1688 is a name, not a number."""
    return (value if value not in NOTHING else None) if field in WORDED and isinstance(value, str) else _plain(value)


def _plain(value: Written) -> JsonValue:
    """What JSON would make of a value: YAML scalars arrive as text, numbers and truths are numbers and truths."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value in NOTHING:
        return None
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return read if isinstance(read, bool) or (isinstance(read, (int, float)) and math.isfinite(read)) else value
