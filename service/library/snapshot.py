"""What is published, in memory, searched: one immutable snapshot a generation, swapped whole.

A search fuses a lexical answer (:mod:`service.library.lexical`) and a vector answer by rank. Filters are exact: what a
filter excludes cannot come back (:mod:`service.library.scope`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.library.embed import OFFLINE, Aim, Embedder, HashNgram
from service.library.lexical import Lexical
from service.library.outline import SEPARATOR, parted
from service.library.scope import DEFAULT_SHOP, SHARED, Mask, Scope
from service.library.tuning import Tuning
from service.library.words import Tokeniser
from service.rulebook.thesaurus import Heard, Thesaurus
from service.schemas import Authority, DocumentKind, Passage, SearchRequest

__all__ = ["DEFAULT_SHOP", "SHARED", "Snapshot", "SnapshotChunk", "SnapshotDocument", "VectorQuery"]

_FORCE: dict[Authority, int] = {"law": 0, "platform": 1, "shop": 2, "guideline": 3}

VectorQuery = Callable[[NDArray[np.float32], int], list[str] | None]
"""(unit vector, how many) → chunk ids, best first; None when the index cannot answer now."""


@dataclass(frozen=True, slots=True)
class SnapshotDocument:
    """A live version of a document as search needs it."""

    id: str
    version: int
    shop: str
    kind: DocumentKind
    title: str
    authority: Authority
    platform: str | None
    """Where it holds; several names are joined by ``、``. None: everywhere."""
    category: str | None
    questions: tuple[str, ...]
    """What people ask; each may name the section that answers it: see :func:`service.library.outline.parted`."""
    created_at: datetime
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    source: str = "file"


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A passage as search needs it. ``document`` is a place in the snapshot's documents."""

    id: str
    document: int
    section: str
    text: str
    start: int
    end: int
    held: bool
    vector: NDArray[np.float32] | None
    """None: it is found by its words only."""
    held_reason: str | None = None


class Snapshot:
    """The published passages of one generation, ready to be searched.

    Args:
        name: the pointer this was built from.
        documents: live documents.
        chunks: their passages.
        tokeniser: cuts text into terms.
        embedder: made the chunks' vectors; makes the query's if it needs no endpoint for it.
        thesaurus: widens queries.
        tuning: the weights.
    """

    def __init__(
        self,
        name: str,
        documents: Sequence[SnapshotDocument],
        chunks: Sequence[SnapshotChunk],
        tokeniser: Tokeniser,
        embedder: Embedder,
        thesaurus: Thesaurus,
        tuning: Tuning,
    ) -> None:
        self.name = name
        self.documents = tuple(documents)
        self.chunks = tuple(chunks)
        self._letters = embedder if isinstance(embedder, HashNgram) else None
        self.fingerprint = embedder.fingerprint
        self._thesaurus, self._tuning = thesaurus, tuning
        self._place = {chunk.id: i for i, chunk in enumerate(self.chunks)}
        document_of = np.array([c.document for c in self.chunks], dtype=np.int64)
        self.matrix = np.zeros((len(self.chunks), embedder.dim), dtype=np.float32)
        for place, chunk in enumerate(self.chunks):
            if chunk.vector is not None:
                self.matrix[place] = chunk.vector
        self._pointing = np.flatnonzero(self.matrix.any(axis=1))
        self.lacking = sum(chunk.vector is None for chunk in self.chunks)
        """Passages without a vector so far."""
        heads = [f"{self.documents[c.document].title} {c.section}" for c in self.chunks]
        asked = [(d, *parted(q)) for d, document in enumerate(self.documents) for q in document.questions]
        texts = [chunk.text for chunk in self.chunks]
        questions = [(document, question) for document, question, _ in asked]
        self._lexical = Lexical(texts, heads, document_of, questions, tokeniser, thesaurus, tuning)
        named = self._sections()
        self._lexical.pin([named.get((document, section), -1) for document, _, section in asked])
        said = np.array([not _is_heading(chunk) for chunk in self.chunks], dtype=np.bool_)
        self._scope = Scope(self.documents, document_of, said)
        ranked = sorted(range(len(self.chunks)), key=self._precedence)
        self._order = np.argsort(np.array(ranked, dtype=np.int64))
        self._rank: list[int] = self._order.tolist()
        self._group_vector = lru_cache(maxsize=4096)(self._vector_of_group)

    @property
    def projection(self) -> str | None:
        """The name of what Chroma is to hold: the generation's, and the vectors'. None: there is nothing to hold."""
        if not len(self._pointing):
            return None
        if self._letters is not None:
            return self.name
        return f"{self.name}-{zlib.crc32(self.fingerprint.encode()):08x}-{len(self._pointing)}"

    @property
    def projected(self) -> tuple[list[str], NDArray[np.float32]]:
        """Ids and vectors of the passages that have one; a vector of zeros would be everybody's neighbour."""
        return [self.chunks[place].id for place in self._pointing], self.matrix[self._pointing]

    def search(self, request: SearchRequest, vectors: VectorQuery | None = None, aim: Aim = OFFLINE) -> list[Passage]:
        """The passages that answer best, at most ``request.k``.

        Args:
            request: query and filters; without a shop, the default shop's; without a time, now.
            vectors: asks the vector index; without it, or when too few of its ids pass the filters, all vectors are
                compared.
            aim: the query's vector, where vectors come from an endpoint; without one, words alone decide.
        """
        allowed = self._scope.allowed(request)
        if not allowed.any():
            return []
        heard = self.hear(request.query)
        lexical = np.where(allowed, self._lexical.score(request.query, heard), 0.0)
        depth = max(self._tuning.fuse.depth, request.k * 2)
        lists = [
            (self._tuning.fuse.lexical, self._top(lexical, depth)),
            (self._weight, self._nearest(self._query(request, heard, aim), allowed, depth, vectors)),
        ]
        fused: dict[int, float] = {}
        for weight, ranked in lists:
            for rank, place in enumerate(ranked):
                fused[place] = fused.get(place, 0.0) + weight / (self._tuning.fuse.k + rank + 1)
        ordered = [place for _, _, place in sorted((-round(fused[p], 9), self._rank[p], p) for p in fused)]
        return [self._passage(place, fused[place]) for place in self._spread(ordered, request.k)]

    def hear(self, query: str) -> list[Heard]:
        """The thesaurus groups a query is widened by."""
        return self._lexical.hear(query)

    def _vector_of_group(self, group: int) -> NDArray[np.float32]:
        assert self._letters is not None
        vector: NDArray[np.float32] = self._letters.embed([" ".join(self._thesaurus.groups[group].means)])[0]
        return vector

    @property
    def _weight(self) -> float:
        """How much the vectors' answer counts: letters say little, meaning much."""
        return self._tuning.fuse.vector if self._letters is not None else self._tuning.fuse.vector_semantic

    def _query(self, request: SearchRequest, heard: Sequence[Heard], aim: Aim) -> NDArray[np.float32] | None:
        """The query's unit vector. Letters are widened by the thesaurus; a model knows what words mean."""
        if self._letters is None:
            return aim.vector if aim.fingerprint == self.fingerprint else None
        query = self._letters.embed([request.query])[0]
        for group in heard:
            query = query + self._tuning.widen.weight * group.strength * self._group_vector(group.group)
        length = float(np.linalg.norm(query))
        return (query / length).astype(np.float32) if length else None

    def _nearest(
        self,
        query: NDArray[np.float32] | None,
        allowed: Mask,
        depth: int,
        vectors: VectorQuery | None,
    ) -> list[int]:
        if query is None:
            return []
        kept = self._from_index(query, allowed, depth, vectors) if vectors else None
        if kept is not None:
            return kept
        # vecdot keeps to this thread; a product of BLAS wakes a thread a core for half a millisecond of work
        likeness = np.where(allowed, np.vecdot(self.matrix, query), 0.0)
        likeness[self._lexical.monotone] *= self._tuning.monotone.share
        return self._top(likeness, depth)

    def _from_index(
        self, query: NDArray[np.float32], allowed: Mask, depth: int, vectors: VectorQuery
    ) -> list[int] | None:
        """The index's answer; None where the filters would leave, or left, too little of it."""
        passing = int(allowed.sum())
        wanted = min(depth, passing)
        ask = -(-wanted * len(allowed) // passing)
        if ask > depth * self._tuning.fuse.overfetch:
            return None
        ids = vectors(query, ask)
        if ids is None:
            return None
        places = [self._place[chunk] for chunk in ids if chunk in self._place]
        kept = [place for place in places if allowed[place]][:depth]
        return sorted(kept, key=lambda place: bool(self._lexical.monotone[place])) if len(kept) >= wanted else None

    def _top(self, scores: NDArray[np.floating], depth: int) -> list[int]:
        """Places of the highest scores above zero, best first; equals by precedence."""
        candidates = np.argpartition(-scores, depth)[:depth] if len(scores) > depth else np.arange(len(scores))
        ranked = candidates[np.lexsort((self._order[candidates], -np.round(scores[candidates], 4)))]
        places: list[int] = ranked[scores[ranked] > 0].tolist()
        return places

    def _sections(self) -> dict[tuple[int, str], int]:
        """The first passage of each section by document and innermost heading, one that is not held if there is one."""
        found: dict[tuple[int, str], int] = {}
        for place, chunk in enumerate(self.chunks):
            key = (chunk.document, chunk.section.rpartition(SEPARATOR)[2])
            if key not in found or (self.chunks[found[key]].held and not chunk.held):
                found[key] = place
        return found

    def _precedence(self, place: int) -> tuple[int, int, float, int]:
        """Among equals: law before house rules, the narrower before the general, the newer before the older."""
        document = self.documents[self.chunks[place].document]
        narrow = (document.shop != SHARED) + (document.platform is not None) + (document.category is not None)
        return _FORCE[document.authority], -narrow, -document.created_at.timestamp(), place

    def _spread(self, ordered: Sequence[int], k: int) -> list[int]:
        """The first ``k``; a near-duplicate of one already chosen waits until nothing else is left."""
        chosen: list[int] = []
        waiting: list[int] = []
        for place in ordered:
            if len(chosen) == k:
                return chosen
            (waiting if self._repeats(place, chosen) else chosen).append(place)
        return [*chosen, *waiting][:k]

    def _repeats(self, place: int, chosen: Sequence[int]) -> bool:
        """Whether a passage says again what a chosen one says, by the letter or nearly so."""
        if not chosen:
            return False
        twin = self._lexical.twin_of
        if twin[place] in twin[list(chosen)]:
            return True
        fuse = self._tuning.fuse
        alike = fuse.duplicate if self._letters is not None else fuse.duplicate_semantic
        return float(np.vecdot(self.matrix[list(chosen)], self.matrix[place]).max()) >= alike

    def _passage(self, place: int, score: float) -> Passage:
        chunk = self.chunks[place]
        document = self.documents[chunk.document]
        return Passage(
            document_id=document.id,
            title=document.title,
            section=chunk.section,
            text=chunk.text,
            start=chunk.start,
            end=chunk.end,
            version=document.version,
            kind=document.kind,
            authority=document.authority,
            score=round(score, 6),
            held=chunk.held,
            held_reason=chunk.held_reason,
        )


def _is_heading(chunk: SnapshotChunk) -> bool:
    """Whether a passage is nothing but its own heading, which answers nothing."""
    said = chunk.text.strip().lstrip("#").strip()
    return bool(said) and chunk.section.endswith(said)
