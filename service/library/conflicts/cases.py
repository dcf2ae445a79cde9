"""Which case a claim is about: what is named nearest to it, in its clause, before it, or above the sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.library.conflicts.statements import Statement
from service.library.conflicts.topics import Topics
from service.rulebook.frames import FrameMatch
from service.text.memo import SENTENCE, Memo

Cases = Mapping[str, frozenset[str]]
Hit = tuple[int, int, str, str]
"""Where a case is named in a text: span, dimension, case."""


class CaseReader:
    """Reads cases; remembers what a text names."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._hits: Memo[tuple[Hit, ...]] = Memo(lambda texts: map(self._named, texts), SENTENCE)

    def _named(self, text: str) -> tuple[Hit, ...]:
        """Cases named in a text; of overlapping ones of a dimension the longest, so that 非质量问题 is not 质量问题."""
        found = [(m.start, m.end, *key) for key, m in self._topics.cases.scan(text)]
        found.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
        kept: list[Hit] = []
        for hit in found:
            if not any(hit[2] == other[2] and hit[0] < other[1] and other[0] < hit[1] for other in kept):
                kept.append(hit)
        return tuple(sorted(kept))

    def of(self, statement: Statement, match: FrameMatch, mine: Sequence[FrameMatch]) -> dict[str, frozenset[str]]:
        """For each dimension the cases the words are about; ``mine`` are all answers the sentence gives."""
        cases = self.said(statement, match, mine)
        for above in statement.above:
            for dimension, named in self._above(above).items():
                if len(named) == 1:  # a heading over several cases says of no sentence which of them it means
                    cases.setdefault(dimension, frozenset(named))
        return cases

    def said(self, statement: Statement, match: FrameMatch, mine: Sequence[FrameMatch]) -> dict[str, frozenset[str]]:
        """The same without what only stands above the sentence."""
        first, last = statement.clause(match.start)
        hits = [hit for hit in self._hits.of([statement.text])[0] if not self._excepted(statement, hit[0])]
        cases: dict[str, frozenset[str]] = {}
        here = [hit for hit in hits if first <= hit[0] < last]
        among = [m for m in mine if first <= m.start < last]
        for dimension in {hit[2] for hit in here}:
            own = [hit for hit in here if hit[2] == dimension]
            if len(own) > 1 and len(among) > 1:  # one clause, several answers: each has the case named before it
                own = [hit for hit in own if hit[0] < match.end][-1:] or own[:1]
            cases[dimension] = frozenset(hit[3] for hit in own)
        for hit in reversed([hit for hit in hits if hit[0] < first]):
            cases.setdefault(hit[2], frozenset({hit[3]}))
        return cases

    def _above(self, heading: str) -> dict[str, set[str]]:
        named: dict[str, set[str]] = {}
        for _, _, dimension, case in self._hits.of([heading])[0]:
            named.setdefault(dimension, set()).add(case)
        return named

    def _excepted(self, statement: Statement, at: int) -> bool:
        clause = statement.text[slice(*statement.clause(at))]
        return any(mark in clause for mark in self._topics.reading.except_)


def fits(cases: Cases, needs: Mapping[str, Sequence[str]]) -> bool:
    """Whether a claim is about the cases it must be about."""
    return all(not cases.get(name, frozenset()).isdisjoint(wanted) for name, wanted in needs.items())
