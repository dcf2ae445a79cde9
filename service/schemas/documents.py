"""Documents as those who keep them see them: versions, what was done, what is held, what two versions differ in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from service.schemas.base import Authority, DocumentKind, In, Out, Text, no_text

State = Literal["draft", "published", "retired"]
Source = Literal["file", "upload"]
Action = Literal["added", "published", "rolled_back", "retired", "released", "held"]

Author = Annotated[Text, Field(max_length=128)]
Note = Annotated[Text, Field(max_length=500)]
VersionNumber = Annotated[int, Field(ge=1, le=1_000_000)]


class DocumentInfo(Out):
    """A document: its labels as of the version that is live, else of the newest one published or added."""

    id: str
    title: str
    kind: DocumentKind
    authority: Authority
    platform: str | None
    category: str | None
    shop: str
    source: Source
    path: str | None
    """Of a file document, the file to edit."""
    state: State
    published: int | None
    """The live version."""
    newest: int
    revision: int
    """One more with every change; the ``ETag``."""
    effective_from: datetime | None
    effective_to: datetime | None
    created_at: datetime
    changed_at: datetime


class DocumentPage(Out):
    """Documents by id; ``total`` counts all that fit the filters."""

    documents: list[DocumentInfo]
    total: int
    limit: int
    offset: int


class VersionInfo(Out):
    """A version without its text. ``held`` counts the sentences held when it was taken in."""

    version: int
    state: State
    author: str | None
    note: str | None
    created_at: datetime
    effective_from: datetime | None
    effective_to: datetime | None
    sha256: str
    title: str
    kind: DocumentKind
    authority: Authority
    platform: str | None
    category: str | None
    questions: list[str]
    chunks: int
    held: int
    warnings: list[str]


class DocumentChange(Out):
    """One thing that was done to a document. ``version`` is the one it was done to."""

    revision: int
    action: Action
    version: int | None
    author: str | None
    note: str | None
    at: datetime


class VersionList(Out):
    """A document's versions and what was done to it, oldest first."""

    id: str
    versions: list[VersionInfo]
    changes: list[DocumentChange]


class StoredPassage(Out):
    """A passage of a version. ``held`` is as of now: a released sentence is held no more."""

    section: str
    text: str
    start: int
    end: int
    held: bool
    held_reason: str | None
    released: bool


class DroppedLines(Out):
    """Site noise taken off under one name; of many lines the first are listed."""

    name: str
    count: int
    lines: list[str]


class VersionWhole(VersionInfo):
    """A version as it was understood: its cleaned text, its passages, what was taken off."""

    id: str
    text: str
    passages: list[StoredPassage]
    dropped: list[DroppedLines]


class HeldSentence(Out):
    """A sentence held when its version was taken in. ``n`` counts from 1 within the version."""

    n: int
    section: str
    text: str
    reason: str
    released: bool
    released_by: str | None = None
    released_at: datetime | None = None
    note: str | None = None


class HeldList(Out):
    """The held sentences of one version, released ones included."""

    id: str
    version: int
    held: list[HeldSentence]


class DiffLine(Out):
    """A sentence that stayed, came or went."""

    op: Literal["same", "added", "removed"]
    text: str


class PassageDiff(Out):
    """Passages by what became of them. Those in both versions are not listed."""

    added: list[StoredPassage]
    removed: list[StoredPassage]
    held: list[StoredPassage]
    """Those of ``added`` and of what stayed that are held in the newer and were free, or not there, in the older."""


class LabelDiff(Out):
    """A label, date or typical question list that differs."""

    label: str
    before: str | None
    after: str | None


class VersionDiff(Out):
    """What two versions differ in. ``hunks`` are runs of sentences, a few that stayed around those that changed."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str
    older: int = Field(alias="from", serialization_alias="from")
    newer: int = Field(alias="to", serialization_alias="to")
    same: bool
    added: int
    removed: int
    hunks: list[list[DiffLine]]
    passages: PassageDiff
    labels: list[LabelDiff]


class DocumentState(Out):
    """What a change left: the document's state, its revision, and the published generation."""

    id: str
    state: State
    published: int | None
    newest: int
    revision: int
    pointer: str
    warnings: list[str] = Field(default_factory=list)
    queued: int | None = None
    """The version that will be published by itself once its vectors are there."""


class SignedIn(In):
    """Who makes the change and why."""

    author: Author | None = None
    note: Note | None = None


class VersionIn(SignedIn):
    """Which version; without one, what the door says."""

    version: Annotated[VersionNumber, BeforeValidator(no_text)] | None = None
