"""What forbidden sentences sound like: a linear model over characters, learned from the rules' own sentences.

Frames are exact and say why, but people find ever new words for the same thing. The sentences written beside the
rules (``bad``, ``ok``), those in ``_learning.yaml`` and the shop's own scripts teach the model which runs of one to
three characters belong to which side. It speaks only where no frame did, and only above a threshold found by
holding out: no more than ``alarms_per_thousand`` good sentences may reach it. The learned weights are a file,
``_likeness.json``, made by ``python -m service.rulebook.learning``; a digest tells when the sentences have moved on.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

from pydantic import Field

from service.rulebook.yamlfile import StrictModel
from service.text.normalise import fold

_NOT_WORD = re.compile(r"[\W_]+")
_LONGEST_RUN = 3
_ROUNDS = 14
_FOLDS = 5
_RATE = 0.6


@dataclass(frozen=True)
class Example:
    """A sentence and the rule whose sense it carries; ``rule`` is empty for a sentence anybody may say."""

    text: str
    rule: str = ""


def runs(text: str) -> frozenset[str]:
    """The runs of one to three characters of a sentence in normal form, pauses and quotations as ``|``."""
    plain = "^" + _NOT_WORD.sub("|", fold(text)) + "$"
    return frozenset(plain[i : i + n] for n in range(1, _LONGEST_RUN + 1) for i in range(len(plain) - n + 1))


def digest(examples: Sequence[Example]) -> str:
    """A short fingerprint of the sentences a model was learned from."""
    written = "\n".join(sorted(f"{e.rule}\t{e.text}" for e in examples))
    return blake2b(written.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Likeness:
    """Learned weights. A sentence scoring above ``threshold`` sounds forbidden."""

    weights: dict[str, float] = field(repr=False)
    bias: float
    threshold: float
    learned_from: str

    def score(self, text: str) -> float:
        """How forbidden a sentence sounds; no unit, only to be compared with ``threshold``."""
        known = [self.weights[run] for run in runs(text) if run in self.weights]
        return self.bias + sum(known) / math.sqrt(max(len(known), 1))

    def write(self, path: Path) -> None:
        """Write the weights, sorted so that versions can be compared."""
        kept = {run: round(w, 2) for run, w in sorted(self.weights.items())}
        head = {"learned_from": self.learned_from, "bias": round(self.bias, 3), "threshold": round(self.threshold, 3)}
        path.write_text(json.dumps({**head, "weights": kept}, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_likeness(path: Path) -> Likeness | None:
    """The weights in a file, or None when there is none.

    Raises:
        ValueError: the file is not what ``Likeness.write`` makes.
    """
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Likeness(dict(data["weights"]), float(data["bias"]), float(data["threshold"]), str(data["learned_from"]))
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


class Neighbours:
    """Finds the examples a sentence resembles most, forbidden and harmless ones apart."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    @cached_property
    def _runs(self) -> list[tuple[Example, frozenset[str], float]]:
        found = [(example, runs(example.text)) for example in self._examples]
        counts = Counter(run for _, theirs in found for run in theirs)
        self._rarity = {run: math.log(len(found) / n) for run, n in counts.items()}
        return [(example, theirs, self._size(theirs)) for example, theirs in found]

    def _size(self, found: frozenset[str]) -> float:
        return math.sqrt(sum(self._rarity.get(run, 0.0) ** 2 for run in found)) or 1.0

    def nearest(self, text: str, count: int) -> tuple[list[tuple[float, Example]], list[tuple[float, Example]]]:
        """The ``count`` forbidden and ``count`` harmless examples most alike, closest first; likeness is 0 to 1."""
        known, mine = self._runs, runs(text)
        size = self._size(mine)
        scored = [
            (sum(self._rarity[run] ** 2 for run in mine & theirs) / (size * their_size), example)
            for example, theirs, their_size in known
        ]
        scored.sort(key=lambda pair: -pair[0])
        bad = [pair for pair in scored if pair[1].rule][:count]
        return bad, [pair for pair in scored if not pair[1].rule][:count]


def learn(examples: Sequence[Example], scripts: Sequence[str], alarms_per_thousand: float) -> Likeness:
    """Learn weights from examples and the shop's scripts; the same sentences give the same weights.

    The threshold lies above the score of all but ``alarms_per_thousand`` good sentences, each scored by a model that
    never saw it.
    """
    found = [(runs(e.text), bool(e.rule)) for e in examples] + [(runs(text), False) for text in scripts]
    order = list(range(len(found)))
    random.Random(len(found)).shuffle(order)
    held_out: list[float] = []
    for part in range(_FOLDS):
        test = set(order[part::_FOLDS])
        model = _fit([found[i] for i in order if i not in test])
        held_out += [_score(model, found[i][0]) for i in sorted(test) if not found[i][1]]
    held_out.sort(reverse=True)
    threshold = held_out[int(len(held_out) * alarms_per_thousand / 1000)] if held_out else 0.0
    weights, bias = _fit([found[i] for i in order])
    return Likeness(weights, bias, max(threshold, 0.0), digest(examples))


def _score(model: tuple[dict[str, float], float], found: frozenset[str]) -> float:
    weights, bias = model
    known = [weights[run] for run in found if run in weights]
    return bias + sum(known) / math.sqrt(max(len(known), 1))


def _fit(found: Sequence[tuple[frozenset[str], bool]]) -> tuple[dict[str, float], float]:
    """Logistic regression by stochastic descent with a step that shrinks for what has moved much (AdaGrad)."""
    counts = Counter(run for runs_, _ in found for run in runs_)
    sides = Counter(side for _, side in found)
    heavy = {True: len(found) / 2 / max(sides[True], 1), False: len(found) / 2 / max(sides[False], 1)}
    rows = [([run for run in sorted(runs_) if counts[run] > 1], side) for runs_, side in found]
    weights: dict[str, float] = dict.fromkeys((run for run, n in counts.items() if n > 1), 0.0)
    moved: dict[str, float] = dict.fromkeys(weights, 1e-2)
    bias, moved_bias = 0.0, 1e-2
    for _ in range(_ROUNDS):
        for row, side in rows:
            scale = 1 / math.sqrt(max(len(row), 1))
            guess = 1 / (1 + math.exp(-max(-30.0, min(30.0, bias + sum(map(weights.__getitem__, row)) * scale))))
            slope = (guess - side) * heavy[side]
            step = slope * scale
            for run in row:
                moved[run] += step * step
                weights[run] -= _RATE * step / math.sqrt(moved[run])
            moved_bias += slope * slope
            bias -= _RATE * slope / math.sqrt(moved_bias)
    return weights, bias


def script_sentences(folder: Path) -> Iterator[str]:
    """The bubbles of the shop's own scripts, slots and conditions taken out: sentences known to be good."""
    bullet = re.compile(r"^- (?:（[^）]*）)?(.+)$", re.MULTILINE)
    for path in sorted(folder.glob("*.md")):
        for match in bullet.finditer(path.read_text(encoding="utf-8")):
            yield re.sub(r"\{[^{}]*\}|[〔〕]", "", match[1])


class LearningFile(StrictModel):
    """``_learning.yaml``: sentences beyond the rules' own, and how keen the ear may be."""

    alarms_per_thousand: Annotated[float, Field(ge=0, le=100)]
    shortest: Annotated[int, Field(ge=1)]
    neighbours: Annotated[int, Field(ge=1)]
    margin: Annotated[float, Field(ge=0, le=1)]
    like: dict[str, list[str]] = Field(default_factory=dict)
    plain: list[str] = Field(default_factory=list)


class Ear:
    """Hears what no frame caught: whether a sentence sounds forbidden, and which rule it sounds like.

    Two judges must agree: the learned weights, and the nearest examples, which must be more like forbidden sentences
    than like harmless ones by ``margin``.
    """

    def __init__(self, likeness: Likeness, settings: LearningFile, examples: Sequence[Example]) -> None:
        self.likeness = likeness
        self._settings = settings
        self._neighbours = Neighbours(examples)

    def hear(self, sentence: str) -> Example | None:
        """The nearest example of the rule a sentence sounds like; None when it sounds harmless."""
        said = sum(map(str.isalnum, sentence))
        if said < self._settings.shortest or self.likeness.score(sentence) <= self.likeness.threshold:
            return None
        bad, harmless = self._neighbours.nearest(sentence, self._settings.neighbours)
        if sum(x for x, _ in bad) - sum(x for x, _ in harmless) <= self._settings.margin * self._settings.neighbours:
            return None
        votes: dict[str, float] = {}
        for likeness, example in bad:
            votes[example.rule] = votes.get(example.rule, 0.0) + likeness
        winner = max(votes, key=lambda rule: votes[rule], default="")
        return next((example for _, example in bad if example.rule == winner), None)
