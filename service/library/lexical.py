"""What passages score by letters: the query's own terms, the words documents use for it, the questions they answer.

Everything is worked out once a snapshot; a query adds up arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.library.bm25 import Bm25Index, Scores, weighted
from service.library.tuning import Tuning
from service.library.words import Tokeniser
from service.rulebook.thesaurus import Ear, Heard, Thesaurus

_CACHE_BYTES = 48 * 2**20


class Lexical:
    """The lexical score over one snapshot's passages.

    Args:
        texts: the passages.
        heads: title and section of each.
        document_of: each passage's document.
        questions: a document's place and a question it answers.
        tokeniser: cuts text into terms.
        thesaurus: widens queries.
        tuning: the weights.
    """

    def __init__(
        self,
        texts: Sequence[str],
        heads: Sequence[str],
        document_of: NDArray[np.int64],
        questions: Sequence[tuple[int, str]],
        tokeniser: Tokeniser,
        thesaurus: Thesaurus,
        tuning: Tuning,
    ) -> None:
        self._tokeniser, self._thesaurus, self._tuning = tokeniser, thesaurus, tuning
        self._document_of = document_of
        bodies = [tokeniser.terms(text) for text in texts]
        above = {head: tokeniser.terms(head) for head in set(heads)}
        self.monotone = np.array([self._is_monotone(grams) for _, grams in bodies], dtype=np.bool_)
        self.twin_of = _twins([tuple(grams) for _, grams in bodies])
        counted = ~self.monotone & (self.twin_of == np.arange(len(texts)))
        scale = tuning.bm25
        self._words, self._grams = (
            Bm25Index(
                [weighted([(b[n], 1.0), (above[h][n], scale.heading)]) for b, h in zip(bodies, heads, strict=True)],
                scale.k1,
                scale.b,
                counted,
            )
            for n in (0, 1)
        )
        size = max(16, _CACHE_BYTES // max(1, 4 * len(texts)))
        self._group = lru_cache(maxsize=size)(self._group_score)
        self._ask(questions)

    def hear(self, query: str) -> list[Heard]:
        """The thesaurus groups a query is widened by."""
        widen = self._tuning.widen
        return self._thesaurus.hear(query, Ear(widen.single, widen.floor, widen.full, widen.groups, widen.whole))

    def score(self, query: str, heard: Sequence[Heard]) -> Scores:
        """The score of every passage for ``query``, widened by the groups ``heard``."""
        words, grams = self._tokeniser.terms(query)
        scores = self._plain(words, grams, heard)
        if len(self._asked_of):
            scores += self._answers(words, grams)
        if self.monotone.any():
            scores[self.monotone] *= np.float32(self._tuning.monotone.share)
        return scores

    def _is_monotone(self, grams: Sequence[str]) -> bool:
        rule = self._tuning.monotone
        return len(grams) >= rule.pairs and len(set(grams)) < rule.variety * len(grams)

    def _plain(self, words: Sequence[str], grams: Sequence[str], heard: Sequence[Heard]) -> Scores:
        scores = self._terms(words, grams)
        for group in heard:
            scores += np.float32(self._tuning.widen.weight * group.strength) * self._group(group.group)
        return scores

    def _terms(self, words: Sequence[str], grams: Sequence[str]) -> Scores:
        scale = self._tuning.bm25
        return self._grams.score(grams, scale.grams, self._words.score(words, scale.words))

    def _group_score(self, group: int) -> Scores:
        """What a group adds: its best expression for each passage, and of the others a part."""
        best = np.zeros(len(self._document_of), dtype=np.float32)
        total = np.zeros_like(best)
        for expression in self._thesaurus.groups[group].means:
            score = self._terms(*self._tokeniser.terms(expression))
            np.maximum(best, score, out=best)
            total += score
        rest = np.float32(self._tuning.widen.rest)
        made: Scores = best + rest * (total - best)
        return made

    def _ask(self, questions: Sequence[tuple[int, str]]) -> None:
        """Index the questions, and find for each the passage of its document that answers it best."""
        self._asked_of = np.array([document for document, _ in questions], dtype=np.int64)
        terms = [self._tokeniser.terms(question) for _, question in questions]
        counts: list[Mapping[str, float]] = [self._both(*pair) for pair in terms]
        self._asked = Bm25Index(counts, self._tuning.bm25.k1, self._tuning.asked.b)
        order = np.argsort(self._document_of, kind="stable")
        ends = np.searchsorted(self._document_of[order], np.arange(1 + int(self._asked_of.max(initial=-1)) + 1))
        at = []
        for (document, question), pair in zip(questions, terms, strict=True):
            own = order[ends[document] : ends[document + 1]]
            scores = self._plain(*pair, self.hear(question))[own]
            at.append(int(own[scores.argmax()]) if scores.any() else -1)
        self._answered_at = np.array(at, dtype=np.int64)
        self._documents = 1 + int(max(self._document_of.max(initial=-1), self._asked_of.max(initial=-1)))

    def pin(self, places: Sequence[int]) -> None:
        """Say which passage each question is about; -1 leaves the one that was found.

        Raises:
            ValueError: not one place a question.
        """
        given = np.array(places, dtype=np.int64)
        if given.shape != self._answered_at.shape:
            raise ValueError("one place a question is needed")
        self._answered_at = np.where(given >= 0, given, self._answered_at)

    def _both(self, words: Sequence[str], grams: Sequence[str]) -> dict[str, float]:
        """Words and pairs in one index: a question is too short for two."""
        return weighted([(words, self._tuning.bm25.words), (grams, self._tuning.bm25.grams)])

    def _answers(self, words: Sequence[str], grams: Sequence[str]) -> Scores:
        """What the questions like this one add to the passages and documents that answer them."""
        like = self._asked.score([*words, *grams])
        scale = self._tuning.asked
        near = np.flatnonzero(like)
        whole = np.zeros(self._documents, dtype=np.float32)
        np.maximum.at(whole, self._asked_of[near], like[near])
        scores: Scores = np.float32(scale.document) * whole[self._document_of]
        near = near[self._answered_at[near] >= 0]
        best = np.zeros_like(scores)
        np.maximum.at(best, self._answered_at[near], like[near])
        scores += np.float32(scale.passage) * best
        return scores


def _twins(texts: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
    """For each text the place of the first one with the same letters."""
    first: dict[tuple[str, ...], int] = {}
    return np.array([first.setdefault(text, place) for place, text in enumerate(texts)], dtype=np.int64)
