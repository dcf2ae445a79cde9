"""How far a model's step has strayed from the playbook's: what words they share, what it took from the buyer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from service.checks.ground import Ground
from service.checks.sources import numbers_of
from service.rulebook.faithfile import DistanceFile
from service.rulebook.likeness import Likeness
from service.schemas import StepName
from service.text.normalise import fold

Pairs = frozenset[tuple[str, str]]
_NOT_WORD = re.compile(r"[^\u4e00-\u9fff0-9a-z]+")
_HEARD = 4
"""Letters and digits of the shortest stretch that is listened to."""
_FAINTEST = -2.0
"""Below this one thing sounds as harmless as another; poems and foreign words sound most harmless of all."""
_LONG = 30
"""Pairs of characters of a step of usual length."""
_MANY = 3


@lru_cache(maxsize=1024)  # the playbook's lines come again and again, and so does every step of a stream
def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Neighbouring characters of a text in normal form, pauses as one mark."""
    plain = f"|{_NOT_WORD.sub('|', text).strip('|')}|"
    return tuple(pairwise(plain))


@dataclass(frozen=True)
class Compass:
    """What steps of one draft are measured from."""

    ground: Ground
    weights: DistanceFile
    likeness: Likeness | None

    @cached_property
    def _steps(self) -> dict[StepName, Pairs]:
        return {step: frozenset(pairs(fold(text))) for step, text in self.ground.playbook}

    @cached_property
    def _all(self) -> Pairs:
        return frozenset().union(*self._steps.values())

    @cached_property
    def _buyer(self) -> Pairs:
        return _pairs_of(self.ground.claimed.texts) - self._all

    @cached_property
    def _known(self) -> Pairs:
        return self._all | self._buyer | _pairs_of(self.ground.recorded.texts)

    def far(self, step: StepName, text: str, *, first: bool) -> bool:
        """Whether a step in normal form is farther from its ground than it may be."""
        mine = pairs(text)
        if len(mine) < self.weights.shortest:
            return False
        told = self.told(step, text)
        shared = told["ground"] + told["buyer"]
        doubtful = [least for least in self.weights.known if len(mine) >= least.pairs and shared <= least.share]
        if doubtful:  # few steps come so far
            known = sum(map(self._known.__contains__, mine)) / len(mine)
            if any(known <= least.share for least in doubtful):
                return True
        weights = self.weights.first if first else self.weights.weights
        return sum(weight * told[name] for name, weight in weights.items()) > self.weights.most

    def told(self, step: StepName, text: str) -> dict[str, float]:
        """What tells how far a step in normal form is from its ground.

        ``same``, ``ground`` and ``buyer`` are shares of its pairs: those the playbook's step of this name has, those
        any of its steps has, those only the buyer used. ``ear`` is how forbidden its loudest stretch sounds; ``long``
        its length in steps of usual length; ``numbers`` how many numbers, up to ``_MANY``, neither the playbook's
        steps nor a record tell.
        """
        mine = pairs(text)
        same = self._steps.get(step, frozenset())
        return {
            "base": 1.0,
            "same": sum(map(same.__contains__, mine)) / len(mine),
            "ground": sum(map(self._all.__contains__, mine)) / len(mine),
            "buyer": sum(map(self._buyer.__contains__, mine)) / len(mine),
            "ear": self._ear(text),
            "long": len(mine) / _LONG,
            "numbers": float(self._numbers(text)),
        }

    def _ear(self, text: str) -> float:
        if self.likeness is None:
            return _FAINTEST
        windows = self.likeness.windows(self.likeness.weigh(text), _HEARD)
        return max((window.score for window in windows if window.score > _FAINTEST), default=_FAINTEST)

    @cached_property
    def _told(self) -> frozenset[float]:
        steps = (number for _, text in self.ground.playbook for number in numbers_of(fold(text)))
        return frozenset(number.value for number in (*steps, *self.ground.recorded.numbers))

    def _numbers(self, text: str) -> int:
        return min(_MANY, sum(number.value not in self._told for number in numbers_of(text)))


def _pairs_of(texts: Iterable[str]) -> Pairs:
    return frozenset(pair for text in texts for pair in pairs(text))
