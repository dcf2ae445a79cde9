"""Rows of the database to a snapshot, and live documents for citations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.database.knowledge import LiveRows
from service.library.embed import Embedder
from service.library.ingest import sections_of
from service.library.rules import LibraryRules
from service.library.snapshot import Snapshot, SnapshotChunk, SnapshotDocument
from service.library.words import Tokeniser
from service.rulebook.thesaurus import Thesaurus
from service.schemas import Authority, DocumentKind


@dataclass(frozen=True, slots=True)
class LiveSection:
    """A section of a live document, ``start`` to ``end`` (code points of the document's cleaned text).

    Its ``text`` leaves out what is held, so that no citation quotes it.
    """

    path: str
    title: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LiveDocument:
    """A published document as a citation needs it."""

    id: str
    shop: str
    version: int
    kind: DocumentKind
    title: str
    authority: Authority
    text: str
    sections: tuple[LiveSection, ...]


def live_document(
    snapshot: Snapshot, place: int, text: str, rules: LibraryRules, overruled: Sequence[tuple[int, int]] = ()
) -> LiveDocument:
    """A document of the snapshot with its sections; sections that are empty, held or ``overruled`` are left out."""
    document = snapshot.documents[place]
    held = [(chunk.start, chunk.end) for chunk in snapshot.chunks if chunk.document == place and chunk.held]
    held = _apart([*held, *overruled])
    sections = []
    for section in sections_of(text, document.kind, document.title, rules):
        free = [(a, b) for a, b in _without(section.body, section.end, held) if text[a:b].strip()]
        if free:
            said = "\n\n".join(text[a:b].strip() for a, b in free)
            sections.append(LiveSection(section.path, section.title, said, *_tight(text, free[0][0], free[-1][1])))
    return LiveDocument(
        document.id,
        document.shop,
        document.version,
        document.kind,
        document.title,
        document.authority,
        text,
        tuple(sections),
    )


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches in order, those that meet made one."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def _without(start: int, end: int, holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of ``start`` to ``end``; ``holes`` are in order and do not overlap."""
    for a, b in holes:
        if b <= start or end <= a:
            continue
        if start < a:
            yield start, a
        start = b
    if start < end:
        yield start, end


def _tight(text: str, start: int, end: int) -> tuple[int, int]:
    body = text[start:end]
    return start + len(body) - len(body.lstrip()), start + len(body.rstrip())


def build_snapshot(
    live: LiveRows,
    blobs: Sequence[bytes | None],
    tokeniser: Tokeniser,
    embedder: Embedder,
    thesaurus: Thesaurus,
    rules: LibraryRules,
) -> Snapshot:
    """The snapshot of what was read; ``blobs`` has a vector a chunk, None where there is none yet. Blocking."""
    place = {row["documents_id"]: i for i, row in enumerate(live.documents)}
    chunks = [
        SnapshotChunk(
            id=row["id"],
            document=place[row["document_id"]],
            section=row["section"],
            text=row["text"],
            start=row["start"],
            end=row["end"],
            held=row["held"],
            vector=None if blob is None else np.frombuffer(blob, dtype="<f4"),
            held_reason=row["held_reason"],
        )
        for row, blob in zip(live.chunks, blobs, strict=True)
    ]
    documents = [_document(row) for row in live.documents]
    return Snapshot(live.pointer.name, documents, chunks, tokeniser, embedder, thesaurus, rules.tuning)


def _document(row: Any) -> SnapshotDocument:
    labels = row["versions_labels"]
    return SnapshotDocument(
        id=row["documents_id"],
        version=row["versions_number"],
        shop=row["documents_shop"],
        kind=labels["kind"],
        title=labels["title"],
        authority=labels["authority"],
        platform=labels.get("platform"),
        category=labels.get("category"),
        questions=tuple(labels.get("questions") or ()),
        created_at=row["versions_created_at"],
        effective_from=row["versions_effective_from"],
        effective_to=row["versions_effective_to"],
        source=row["documents_source"],
    )
