"""Contradictions between published documents, and what a person rules on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Authority, DocumentKind, In, Out, Shop
from service.schemas.documents import Author, Note

Kept = Literal["left", "right", "both", "neither"]


class ConflictQuote(Out):
    """Another sentence of the same side. ``start``/``end`` are code points of the document's cleaned text."""

    document_id: str
    title: str
    section: str
    quote: str
    start: int
    end: int
    version: int


class ConflictSide(ConflictQuote):
    """One side: the sentence that says it most plainly, whose it is, and the others that say the same."""

    kind: DocumentKind
    authority: Authority
    says: str
    """Its answer to the question, in words."""
    low: float | None
    high: float | None
    """The number it gives, where the question asks for one: lengths of time in days."""
    created_at: datetime
    effective_from: datetime | None
    effective_to: datetime | None
    overruled: bool
    """No draft rests on it."""
    more: list[ConflictQuote]


class Ruled(Out):
    """What a person decided. ``before`` are earlier rulings on the same, oldest first."""

    keep: Kept
    note: str | None
    author: str | None
    at: datetime
    shop: str
    before: list[dict[str, str | None]]


class Conflict(Out):
    """Two answers to one question that cannot both hold.

    The side of greater authority is on the left. With ``with_law``, the left is law: until somebody rules, drafts take
    the right side for overruled.
    """

    id: str
    state: Literal["open", "ruled"]
    kind: Literal["with_law", "between"]
    confidence: Literal["high", "low"]
    topic: str
    question: str
    left: ConflictSide
    right: ConflictSide
    ruling: Ruled | None


class ConflictPage(Out):
    """Contradictions, law first; ``total`` counts all that fit the filters, ``open`` those nobody has ruled on."""

    conflicts: list[Conflict]
    total: int
    open: int


class RulingIn(In):
    """Which side holds."""

    keep: Kept
    note: Note | None = None
    author: Author | None = None
    shop: Annotated[Shop, Field()] = "default"
