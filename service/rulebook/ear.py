"""Hearing what no frame catches: the learned weights propose, the nearest examples confirm and name the rule."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from pydantic import Field

from service.rulebook.likeness import Example, Likeness, Weighed, Window
from service.rulebook.yamlfile import StrictModel
from service.text.memo import SENTENCE, Memo
from service.text.normalise import fold

_NOT_WORD = re.compile(r"[\W_]+")
_SHORTEST_FOLLOWER = 3
"""Letters and digits of the shortest clause that can be told from an address (``亲，``)."""
_MOST_PAIRS = 120
"""Pairs of a text that are looked up, the rarest ones: what is longer has no pause where anybody would make one."""
_SMOOTH = 0.2
"""What a pair nobody of a kind has said counts."""


class LearningFile(StrictModel):
    """``_learning.yaml``: how keen the ear may be."""

    alarms_per_thousand: Annotated[float, Field(ge=0, le=100)]
    shortest: Annotated[int, Field(ge=1)]
    neighbours: Annotated[int, Field(ge=1)]
    margin: Annotated[float, Field(ge=-1, le=1)]
    doubt: float = -1000.0
    """Clauses in which a frame holds but that score no more than this are believed to be harmless."""
    doubt_from: int = 1
    """Letters and digits of a sentence from which frames are doubted at all."""
    follow: float = 0.0
    """Clauses beside a forbidden one that score at least this belong to it."""
    retold: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of pairs of letters from the buyer's own messages at which a clause tells the buyer's story back."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A span of the text that sounds forbidden, and the example it sounds like."""

    start: int
    end: int
    example: Example


@dataclass(frozen=True)
class _Index:
    """The examples by the pairs of characters that stand in them, so that only what shares one is compared."""

    rarity: dict[str, float]
    sizes: list[float]
    places: dict[str, list[int]]
    kinds: list[str]
    """The category of each example, or its rule where nobody said which; empty for a harmless one."""
    totals: dict[str, float]
    """Kind → pairs in all its examples."""
    counted: dict[str, Counter[str]] = field(default_factory=dict)

    def counts(self, pair: str) -> Counter[str]:
        """Kind → its examples that hold the pair; counted once."""
        if pair not in self.counted:
            self.counted[pair] = Counter(map(self.kinds.__getitem__, self.places[pair]))
        return self.counted[pair]


@dataclass(frozen=True)
class Nearest:
    """What a text shares with the examples: likeness (0 to 1) and place, taken negative so that earlier ones win."""

    pairs: list[str]
    bad: list[tuple[float, int]]
    harmless: list[tuple[float, int]]

    def lead(self, count: int) -> float:
        """By how much the ``count`` closest forbidden examples are closer than the harmless ones, on average."""
        bad, harmless = heapq.nlargest(count, self.bad), heapq.nlargest(count, self.harmless)
        return (sum(x for x, _ in bad) - sum(x for x, _ in harmless)) / count


class Neighbours:
    """Finds the examples a sentence resembles most, forbidden and harmless ones apart, and the kind it belongs to."""

    def __init__(self, examples: Callable[[], Sequence[Example]], kinds: Mapping[str, str]) -> None:
        self._read = examples
        self._kinds = kinds

    @cached_property
    def _examples(self) -> Sequence[Example]:
        return self._read()

    @cached_property
    def _index(self) -> _Index:
        places: dict[str, list[int]] = defaultdict(list)
        found = [_pairs(fold(example.text)) for example in self._examples]
        for place, theirs in enumerate(found):
            for pair in theirs:
                places[pair].append(place)
        rarity = {pair: math.log((len(found) + 1) / len(where)) ** 2 for pair, where in places.items()}
        sizes = [math.sqrt(sum(map(rarity.__getitem__, theirs))) or 1.0 for theirs in found]
        kinds = [self._kinds.get(example.rule, example.rule) for example in self._examples]
        totals: dict[str, float] = defaultdict(float)
        for kind, theirs in zip(kinds, found, strict=True):
            totals[kind] += len(theirs)
        totals.pop("", None)
        return _Index(rarity, sizes, places, kinds, totals)

    def nearest(self, text: str) -> Nearest:
        """How much a text in normal form shares with each example."""
        index = self._index
        mine = [pair for pair in sorted(_pairs(text)) if pair in index.places]
        if len(mine) > _MOST_PAIRS:
            mine = sorted(sorted(mine, key=lambda pair: len(index.places[pair]))[:_MOST_PAIRS])
        shared = [0.0] * len(index.kinds)
        for pair in mine:
            rarity = index.rarity[pair]
            for place in index.places[pair]:
                shared[place] += rarity
        size = math.sqrt(sum(map(index.rarity.__getitem__, mine))) or 1.0
        bad: list[tuple[float, int]] = []
        harmless: list[tuple[float, int]] = []
        for place, weight in enumerate(shared):
            if weight:
                (bad if index.kinds[place] else harmless).append((weight / (size * index.sizes[place]), -place))
        return Nearest(mine, bad, harmless)

    def likeliest(self, near: Nearest) -> Example | None:
        """The closest example of the kind whose examples together share most with the text (naive Bayes)."""
        index = self._index
        score = dict.fromkeys(index.totals, 0.0)
        for pair in near.pairs:
            counts = index.counts(pair)
            for kind, total in index.totals.items():
                score[kind] += math.log((counts[kind] + _SMOOTH) / (total + _SMOOTH * len(index.places)))
        winner = max(score, key=lambda kind: score[kind], default="")
        _, place = max((pair for pair in near.bad if index.kinds[-pair[1]] == winner), default=(0.0, 1))
        return self._examples[-place] if place <= 0 else None


def _pairs(text: str) -> set[str]:
    plain = "^" + _NOT_WORD.sub("|", text).strip("|") + "$"
    return {plain[i : i + 2] for i in range(len(plain) - 1)}


class Ear:
    """Hears what no frame caught: whether clauses sound forbidden, and which rule they sound like.

    Two judges must agree: the learned weights, and the nearest examples, which must be more like forbidden sentences
    than like harmless ones by ``margin``.
    """

    def __init__(
        self,
        likeness: Likeness,
        settings: LearningFile,
        examples: Callable[[], Sequence[Example]],
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        """``examples`` are asked for when first needed.

        ``kinds`` says which category a rule belongs to; a rule left out is a kind of its own.
        """
        self.likeness = likeness
        self.settings = settings
        self._neighbours = Neighbours(examples, kinds or {})

    def ready(self) -> None:
        """Index the examples now rather than when a sentence first sounds forbidden."""
        self._neighbours.nearest("")

    def hear(self, text: str, spans: Sequence[tuple[int, int]]) -> list[Heard]:
        """The places of a text in normal form that sound forbidden, not overlapping; empty when it is harmless.

        ``spans`` are its sentences; nothing is heard across two of them.
        """
        found = self._remembered.of([text[start:end] for start, end in spans])
        return [
            Heard(start + heard.start, start + heard.end, heard.example)
            for (start, _), there in zip(spans, found, strict=True)
            for heard in there
        ]

    @cached_property
    def _remembered(self) -> Memo[tuple[Heard, ...]]:
        return Memo(self._each, SENTENCE)

    def _each(self, texts: Sequence[str]) -> Iterator[tuple[Heard, ...]]:
        """For each sentence what is heard in it."""
        shortest, above = self.settings.shortest, self.likeness.threshold
        for text, clauses in zip(texts, self.likeness.weigh_each(texts), strict=True):
            loud = self.likeness.windows(clauses, shortest, above)
            yield tuple(self._sentence(text, clauses, loud)) if loud else ()

    def _sentence(self, text: str, weighed: Sequence[Weighed], loud: list[Window]) -> list[Heard]:
        heard: list[Heard] = []
        taken: list[Window] = []
        for window in sorted(loud, key=lambda w: (-w.score, w.first)):
            if any(window.first <= t.last and t.first <= window.last for t in taken):
                continue
            start, end = weighed[window.first].start, weighed[window.last].end
            example = self._confirmed(text[start:end])
            if example is not None:
                taken.append(window)
                heard.append(Heard(start, end, example))
        return sorted(heard, key=lambda h: h.start)

    def _confirmed(self, text: str) -> Example | None:
        near = self._neighbours.nearest(text)
        if near.lead(self.settings.neighbours) <= self.settings.margin:
            return None
        return self._neighbours.likeliest(near)

    def follows(self, clause: Weighed) -> bool:
        """True when a clause beside a forbidden one sounds as if it belonged to it."""
        return clause.said >= _SHORTEST_FOLLOWER and self.likeness.joined([clause]) >= self.settings.follow
