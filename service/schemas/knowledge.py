"""Documents in, passages out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from service.schemas.base import Authority, DocumentKind, In, Moment, Out, Shop, Text, no_text

MAX_K = 100
"""Passages a search gives at most."""


class SearchRequest(In):
    """A search over published passages."""

    query: Annotated[Text, Field(min_length=1, max_length=2_000)]
    k: Annotated[int, Field(ge=1, le=MAX_K), BeforeValidator(no_text)] = 5
    kinds: list[DocumentKind] | None = None
    documents: Annotated[list[str], Field(max_length=500)] | None = None
    shop: Shop | None = None
    platform: Annotated[Text, Field(max_length=60)] | None = None
    category: Annotated[Text, Field(max_length=60)] | None = None
    at: Moment | None = None


class Passage(Out):
    """引文: a retrieved piece. ``start``/``end`` are code points of the document's cleaned text."""

    document_id: str
    title: str
    section: str
    text: str
    start: int
    end: int
    version: int
    kind: DocumentKind
    authority: Authority
    score: float
    held: bool = False
    held_reason: str | None = None
    overruled: bool = False
    """A person ruled, or the law's rank decides, that another document's word holds here."""
    conflicts: list[str] = Field(default_factory=list)
    """Ids of the contradictions this passage is one side of."""

    @property
    def usable(self) -> bool:
        """Whether a draft may rest on it."""
        return not self.held and not self.overruled


class SearchResult(Out):
    """Passages, best first."""

    passages: list[Passage]
    degraded: bool = False
    """Whether the vectors' answer is missing, wholly or in part: words decided."""
    reason: str | None = None


class DocumentIngested(Out):
    """What an upload became."""

    id: str
    version: int
    state: Literal["draft", "published", "retired"]
    chunks: int
    held: int
    warnings: list[str]
    revision: int = 1
    """The document's; the ``ETag``."""
    duplicate: bool = False
    """This content was there already; nothing was taken in anew."""
    queued: bool = False
    """It will be published by itself once its vectors are there."""
