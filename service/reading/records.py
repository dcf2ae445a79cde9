"""What the shop's systems wrote, as text: every value under whatever key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from service.rulebook.listening import FLAG_WORDS
from service.schemas import Inquiry


def records(inquiry: Inquiry) -> Iterator[tuple[str, str]]:
    """Every record as (dotted key, text): what the goods are, then ``order.facts``, then ``policy``."""
    for name in ("category", "product"):
        if text := getattr(inquiry.order, name):
            yield f"order.{name}", text
    yield from _flatten("order.facts", inquiry.order.facts)
    yield from _flatten("policy", inquiry.policy)


def _flatten(prefix: str, values: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from _flatten(name, value)
        elif isinstance(value, list):
            yield from _flatten(name, {str(i): item for i, item in enumerate(value)})
        elif isinstance(value, bool):
            yield name, next(word for word, flag in FLAG_WORDS.items() if flag is value)
        elif value is not None:
            yield name, str(value)
