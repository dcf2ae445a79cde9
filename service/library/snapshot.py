"""What is published, in memory, searched: one immutable snapshot a generation, swapped whole.

A search adds three lexical voices (the query itself, the words a document would use for it, the typical questions of a
document) and a vector answer, fused by rank. Filters are exact: what a filter excludes cannot come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.library.bm25 import Bm25Index, Scores, weighted
from service.library.embed import Embedder
from service.library.rules import Tuning
from service.library.words import Tokeniser
from service.rulebook.thesaurus import Ear, Heard, Thesaurus
from service.schemas import Authority, DocumentKind, Passage, SearchRequest

SHARED = "*"
"""The shop of documents that hold for every shop."""
DEFAULT_SHOP = "default"

_FORCE: dict[Authority, int] = {"law": 0, "platform": 1, "shop": 2, "guideline": 3}
_CACHE_BYTES = 32 * 2**20

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
    vector: NDArray[np.float32]
    held_reason: str | None = None


class Snapshot:
    """The published passages of one generation, ready to be searched.

    Args:
        name: the pointer this was built from.
        documents: live documents.
        chunks: their passages.
        tokeniser: cuts text into terms.
        embedder: made the chunks' vectors, makes the query's.
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
        self._tokeniser, self._embedder, self._thesaurus, self._tuning = tokeniser, embedder, thesaurus, tuning
        self._place = {chunk.id: i for i, chunk in enumerate(self.chunks)}
        self._document_of = np.array([c.document for c in self.chunks], dtype=np.int64)
        empty = np.zeros((0, embedder.dim), dtype=np.float32)
        self.matrix = np.stack([c.vector for c in self.chunks]) if self.chunks else empty
        heads = [f"{self.documents[c.document].title} {c.section}" for c in self.chunks]
        bodies = [tokeniser.terms(chunk.text) for chunk in self.chunks]
        above = {head: tokeniser.terms(head) for head in set(heads)}
        self._words = self._index([(b[0], above[h][0]) for b, h in zip(bodies, heads, strict=True)])
        self._grams = self._index([(b[1], above[h][1]) for b, h in zip(bodies, heads, strict=True)])
        asked = [(d, q) for d, document in enumerate(self.documents) for q in document.questions]
        self._asked_of = np.array([d for d, _ in asked], dtype=np.int64)
        self._asked = self._index([(tokeniser.terms(question)[1], []) for _, question in asked])
        ranked = sorted(range(len(self.chunks)), key=self._precedence)
        self._order = np.argsort(np.array(ranked, dtype=np.int64))
        size = max(16, _CACHE_BYTES // max(1, 4 * len(self.chunks)))
        self._group = lru_cache(maxsize=size)(self._group_score)
        self._group_vector = lru_cache(maxsize=4096)(self._vector_of_group)

    def _index(self, terms: Sequence[tuple[list[str], list[str]]]) -> Bm25Index:
        scale = self._tuning.bm25
        counts = [weighted([(body, 1.0), (head, scale.heading)]) for body, head in terms]
        return Bm25Index(counts, scale.k1, scale.b)

    def search(self, request: SearchRequest, vectors: VectorQuery | None = None) -> list[Passage]:
        """The passages that answer best, at most ``request.k``.

        Args:
            request: query and filters; without a shop, the default shop's; without a time, now.
            vectors: asks the vector index; without it, or when too few of its ids pass the filters, all vectors are
                compared.
        """
        allowed = self._allowed(request)
        if not allowed.any():
            return []
        heard = self.hear(request.query)
        lexical = np.where(allowed, self._lexical(request.query, heard), 0.0)
        depth = max(self._tuning.fuse.depth, request.k * 2)
        lists = [
            (self._tuning.fuse.lexical, self._top(lexical, depth)),
            (self._tuning.fuse.vector, self._nearest(request, heard, allowed, depth, vectors)),
        ]
        fused: dict[int, float] = {}
        for weight, ranked in lists:
            for rank, place in enumerate(ranked):
                fused[place] = fused.get(place, 0.0) + weight / (self._tuning.fuse.k + rank + 1)
        ordered = sorted(fused, key=lambda place: (-round(fused[place], 9), self._order[place]))
        return [self._passage(place, fused[place]) for place in self._spread(ordered, request.k)]

    def hear(self, query: str) -> list[Heard]:
        """The thesaurus groups a query is widened by."""
        widen = self._tuning.widen
        return self._thesaurus.hear(query, Ear(widen.single, widen.floor, widen.full, widen.groups))

    def _allowed(self, request: SearchRequest) -> NDArray[np.bool_]:
        at = request.at or datetime.now(UTC)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        shops = {SHARED, request.shop or DEFAULT_SHOP}
        wanted = set(request.documents) if request.documents is not None else None
        passes = [
            document.shop in shops
            and (request.kinds is None or document.kind in request.kinds)
            and (wanted is None or document.id in wanted)
            and _on(document.platform, request.platform)
            and (request.category is None or document.category in (None, request.category))
            and (document.effective_from is None or document.effective_from <= at)
            and (document.effective_to is None or at < document.effective_to)
            for document in self.documents
        ]
        return np.array(passes, dtype=np.bool_)[self._document_of] if self.chunks else np.zeros(0, dtype=np.bool_)

    def _lexical(self, query: str, heard: Sequence[Heard]) -> Scores:
        scale = self._tuning.bm25
        words, grams = self._tokeniser.terms(query)
        scores: Scores = scale.words * self._words.score(words) + scale.grams * self._grams.score(grams)
        for group in heard:
            scores = scores + self._tuning.widen.weight * group.strength * self._group(group.group)
        if len(self._asked_of):
            best = np.zeros(len(self.documents), dtype=np.float32)
            np.maximum.at(best, self._asked_of, self._asked.score(grams))
            scores = scores + scale.question * best[self._document_of]
        return scores

    def _group_score(self, group: int) -> Scores:
        """What a group adds: the best of its expressions for each passage, so that long groups weigh no more."""
        scale = self._tuning.bm25
        best = np.zeros(len(self.chunks), dtype=np.float32)
        for expression in self._thesaurus.groups[group].means:
            words, grams = self._tokeniser.terms(expression)
            score = scale.words * self._words.score(words) + scale.grams * self._grams.score(grams)
            np.maximum(best, score, out=best)
        return best

    def _vector_of_group(self, group: int) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._embedder.embed([" ".join(self._thesaurus.groups[group].means)])[0]
        return vector

    def _nearest(
        self,
        request: SearchRequest,
        heard: Sequence[Heard],
        allowed: NDArray[np.bool_],
        depth: int,
        vectors: VectorQuery | None,
    ) -> list[int]:
        query = self._embedder.embed([request.query])[0]
        for group in heard:
            query = query + self._tuning.widen.weight * group.strength * self._group_vector(group.group)
        length = float(np.linalg.norm(query))
        if not length:
            return []
        query = (query / length).astype(np.float32)
        ids = vectors(query, max(depth, request.k * self._tuning.fuse.overfetch)) if vectors else None
        if ids is not None:
            places = [self._place[chunk] for chunk in ids if chunk in self._place]
            kept = [place for place in places if allowed[place]][:depth]
            if len(kept) >= min(depth, int(allowed.sum())):
                return kept
        return self._top(np.where(allowed, self.matrix @ query, 0.0), depth)

    def _top(self, scores: NDArray[np.floating], depth: int) -> list[int]:
        """Places of the highest scores above zero, best first; equals by precedence."""
        candidates = np.argpartition(-scores, depth)[:depth] if len(scores) > depth else np.arange(len(scores))
        ranked = candidates[np.lexsort((self._order[candidates], -np.round(scores[candidates], 4)))]
        return [int(place) for place in ranked if scores[place] > 0]

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
            near = chosen and float((self.matrix[chosen] @ self.matrix[place]).max()) >= self._tuning.fuse.duplicate
            (waiting if near else chosen).append(place)
        return [*chosen, *waiting][:k]

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


def _on(named: str | None, asked: str | None) -> bool:
    """Whether a document holds on the platform asked for, which shop systems name in their own ways (``天猫国际``)."""
    return named is None or asked is None or any(name in asked for name in named.split("、"))
