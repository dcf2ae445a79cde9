"""Hearing by example: which value of a fact a sentence most resembles (``knowledge/reading/examples/*.yaml``).

Frames are exact but people find ever new words. Where no frame heard a fact, the example sentences nearest in their
runs of one to three characters vote; the value is taken only when enough of them agree and are near enough. Every
vote can be shown: the example it was heard like stands beside the value.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from service.errors import phrase
from service.rulebook.facts import FactBook
from service.rulebook.likeness import runs
from service.rulebook.yamlfile import StrictModel, read_yaml

LONGEST = 120
"""Characters of a sentence that are compared; what is longer is many sentences in one."""


class ExamplesFile(StrictModel):
    """Example sentences of one fact by value, and how sure the vote must be."""

    fact: str
    nearest: int = Field(ge=1, le=50)
    """How many examples vote."""
    least: float = Field(ge=0, le=1)
    """Likeness the nearest example must reach; 0 to 1."""
    share: float = Field(ge=0, le=1)
    """Share of all votes the winner must have."""
    silent: str
    """The value that means: nothing of this fact can be heard here."""
    examples: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Alike:
    """A value, the example it was heard like, how like (0 to 1), and its share of the votes."""

    value: str
    example: str
    likeness: float
    share: float


class ByExample:
    """The examples of one fact, ready to vote."""

    def __init__(self, file: ExamplesFile) -> None:
        self.fact, self._file = file.fact, file
        self._examples = [(value, text) for value, texts in file.examples.items() for text in texts]
        found = [runs(text) for _, text in self._examples]
        counts = Counter(run for theirs in found for run in theirs)
        total = len(found)
        self._rarity = {run: math.log(total / n) for run, n in counts.items()}
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, theirs in enumerate(found):
            for run in theirs:
                if counts[run] <= total // 4:  # what stands in a quarter of all examples tells nothing apart
                    self._places[run].append(place)
        self._sizes = [self._size(theirs) for theirs in found]
        many = Counter(value for value, _ in self._examples)
        self._weight = {value: math.sqrt(total / len(many) / n) for value, n in many.items()}

    def _size(self, found: frozenset[str]) -> float:
        return math.sqrt(sum(self._rarity.get(run, 0.0) ** 2 for run in found)) or 1.0

    def hear(self, sentence: str) -> Alike | None:
        """The value the sentence resembles; None when it is the silent one or the vote is not clear."""
        mine = runs(sentence[:LONGEST])
        scores: defaultdict[int, float] = defaultdict(float)
        for run in mine:
            for place in self._places.get(run, ()):
                scores[place] += self._rarity[run] ** 2
        if not scores:
            return None
        size = self._size(mine)
        ranked = sorted(((score / (size * self._sizes[p]), p) for p, score in scores.items()), reverse=True)
        return self._vote(ranked[: self._file.nearest])

    def _vote(self, ranked: Sequence[tuple[float, int]]) -> Alike | None:
        votes: defaultdict[str, float] = defaultdict(float)
        for likeness, place in ranked:
            value = self._examples[place][0]
            votes[value] += likeness**2 * self._weight[value]
        winner = max(votes, key=lambda value: votes[value])
        likeness, place = next(pair for pair in ranked if self._examples[pair[1]][0] == winner)
        share = votes[winner] / sum(votes.values())
        if winner == self._file.silent or likeness < self._file.least or share < self._file.share:
            return None
        return Alike(winner, self._examples[place][1], round(likeness, 3), round(share, 3))


def load_examples(folder: Path, facts: FactBook) -> tuple[ByExample, ...]:
    """All example files.

    Raises:
        RulebookError: broken file, or a fact or value that is not in the dictionary.
    """
    loaded: list[ByExample] = []
    for path in sorted(folder.glob("*.yaml")):
        file = read_yaml(path)
        entry = file.parse(ExamplesFile)
        if facts.kind(entry.fact) != "choice":
            raise file.error(phrase("condition_no_choice", name=entry.fact), "fact")
        for value in (entry.silent, *entry.examples):
            if not facts.has_value(entry.fact, value):
                raise file.error(phrase("condition_no_value", name=value), "examples", value)
        loaded.append(ByExample(entry))
    return tuple(loaded)
