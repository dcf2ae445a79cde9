"""Which of two drafts of one conversation answers the newer customer message.

Callers send the conversation whole or a window of it, and drafts are saved in the order in which they are finished,
which is not the order in which the buyer wrote. So what was answered is kept: one short digest a customer turn.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal

from service.schemas import Inquiry, Message

Relation = Literal["newer", "same", "older", "apart"]

WIDTH = 12
"""Hexadecimal digits of one turn; 48 bits, compared only within one conversation."""


def turns_of(inquiry: Inquiry) -> str:
    """The customer's turns of an inquiry, in order, :data:`WIDTH` characters each."""
    return "".join(_digest(message) for message in inquiry.messages if message.role == "customer")


def _digest(message: Message) -> str:
    told = f"{message.kind}\n{_utc(message.at)}\n{message.content.strip()}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:WIDTH]


def _utc(at: datetime | None) -> str:
    if at is None:
        return ""
    return (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def compare(known: str, other: str) -> Relation:
    """What ``other`` is to ``known``, both as :func:`turns_of` gives them.

    A conversation that goes on begins as before (callers who send it whole) or overlaps (callers who send its last
    turns). ``same``: the last customer turn is the same one, so it is a regeneration, perhaps with more or less of what
    came before. ``apart``: nothing in common that could tell; the caller decides by time.
    """
    before, after = _cut(known), _cut(other)
    if before == after:
        return "same"
    if after[: len(before)] == before:
        return "newer"
    if before[: len(after)] == after:
        return "older"
    ahead, behind = _shift(before, after), _shift(after, before)
    if ahead == behind:
        same = ahead == 0 or (before[-1:] == after[-1:] and len(before) == len(after))
        return "same" if same else "apart"
    return "newer" if behind is None or (ahead is not None and ahead < behind) else "older"


def _cut(turns: str) -> list[str]:
    return [turns[at : at + WIDTH] for at in range(0, len(turns), WIDTH)]


def _shift(before: list[str], after: list[str]) -> int | None:
    """How many turns ``after`` has behind the last one of ``before``; None when they do not overlap."""
    for new in range(len(after)):
        old = after[: len(after) - new]
        common = min(len(old), len(before))
        if common and old[-common:] == before[-common:]:
            return new
    return None
