"""Hearing what no frame catches: the learned weights propose, the nearest examples confirm and name the rule."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from service.rulebook.likeness import Example, Likeness, Weighed, Window, clause_runs
from service.rulebook.yamlfile import StrictModel


class LearningFile(StrictModel):
    """``_learning.yaml``: sentences beyond the rules' own, and how keen the ear may be."""

    alarms_per_thousand: Annotated[float, Field(ge=0, le=100)]
    shortest: Annotated[int, Field(ge=1)]
    neighbours: Annotated[int, Field(ge=1)]
    margin: Annotated[float, Field(ge=-1, le=1)]
    follow: float = 0.0
    """Clauses beside a forbidden one that score at least this belong to it."""
    like: dict[str, list[str]] = Field(default_factory=dict)
    plain: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Heard:
    """A span of the text that sounds forbidden, and the example it sounds like."""

    start: int
    end: int
    example: Example


@dataclass
class _Index:
    """The examples by the runs that stand in them, so that only what shares a run is compared."""

    rarity: dict[str, float] = field(default_factory=dict)
    sizes: list[float] = field(default_factory=list)
    places: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class Neighbours:
    """Finds the examples a sentence resembles most, forbidden and harmless ones apart."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        self._index: _Index | None = None

    def _built(self) -> _Index:
        if self._index is None:
            found = [_all_runs(example.text) for example in self._examples]
            counts = Counter(run for theirs in found for run in theirs)
            index = _Index({run: math.log((len(found) + 1) / n) ** 2 for run, n in counts.items()})
            for place, theirs in enumerate(found):
                index.sizes.append(math.sqrt(sum(index.rarity[run] for run in theirs)) or 1.0)
                for run in theirs:
                    index.places[run].append(place)
            self._index = index
        return self._index

    def nearest(self, text: str, count: int) -> tuple[list[tuple[float, Example]], list[tuple[float, Example]]]:
        """The ``count`` forbidden and ``count`` harmless examples most alike, closest first; likeness is 0 to 1."""
        index = self._built()
        mine = _all_runs(text) & index.rarity.keys()
        shared: dict[int, float] = defaultdict(float)
        for run in mine:
            for place in index.places[run]:
                shared[place] += index.rarity[run]
        size = math.sqrt(sum(index.rarity[run] for run in mine)) or 1.0
        scored = sorted(((s / (size * index.sizes[p]), p) for p, s in shared.items()), key=lambda pair: -pair[0])
        bad = [(x, self._examples[p]) for x, p in scored if self._examples[p].rule]
        harmless = [(x, self._examples[p]) for x, p in scored if not self._examples[p].rule]
        return bad[:count], harmless[:count]


def _all_runs(text: str) -> set[str]:
    return {run for clause in clause_runs(text) for run in clause if len(run) > 1}


class Ear:
    """Hears what no frame caught: whether clauses sound forbidden, and which rule they sound like.

    Two judges must agree: the learned weights, and the nearest examples, which must be more like forbidden sentences
    than like harmless ones by ``margin``.
    """

    def __init__(
        self,
        likeness: Likeness,
        settings: LearningFile,
        examples: Sequence[Example],
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        """``kinds`` says which category a rule belongs to; a rule left out is a kind of its own."""
        self.likeness = likeness
        self.settings = settings
        self._kinds = kinds or {}
        self._neighbours = Neighbours(examples)

    def hear(self, sentence: str) -> list[Heard]:
        """The places of a sentence in normal form that sound forbidden, not overlapping; empty when it is harmless."""
        weighed = self.likeness.weigh(sentence)
        loud = [w for w in self.likeness.windows(weighed, self.settings.shortest) if w.score > self.likeness.threshold]
        heard: list[Heard] = []
        taken: list[Window] = []
        for window in sorted(loud, key=lambda w: (-w.score, w.first)):
            if any(window.first <= t.last and t.first <= window.last for t in taken):
                continue
            start, end = weighed[window.first].start, weighed[window.last].end
            example = self._confirmed(sentence[start:end])
            if example is not None:
                taken.append(window)
                heard.append(Heard(start, end, example))
        return sorted(heard, key=lambda h: h.start)

    def _confirmed(self, text: str) -> Example | None:
        bad, harmless = self._neighbours.nearest(text, self.settings.neighbours)
        if sum(x for x, _ in bad) - sum(x for x, _ in harmless) <= self.settings.margin * self.settings.neighbours:
            return None
        votes: dict[str, float] = defaultdict(float)
        for likeness, example in bad:
            votes[self._kind(example)] += likeness
        winner = max(votes, key=lambda kind: votes[kind], default="")
        return next((example for _, example in bad if self._kind(example) == winner), None)

    def _kind(self, example: Example) -> str:
        return self._kinds.get(example.rule, example.rule)

    def follows(self, clause: Weighed) -> bool:
        """True when a clause beside a forbidden one sounds as if it belonged to it."""
        return clause.known > 0 and self.likeness.joined([clause]) >= self.settings.follow
