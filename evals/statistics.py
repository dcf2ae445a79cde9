"""How sure a number of the suite is: intervals, paired differences, agreement. Pure functions of numbers.

Cases are what is sampled: the repeats of a case are averaged before anything else is done with them, so that a case
played ten times does not count for ten. Every bound is at 95 %. Equal input gives equal output: resampling is seeded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from service.schemas.base import Out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2_000
SEED = 20_261_122
Z = NormalDist().inv_cdf(0.975)
"""1.96: the two-sided 95 % point of the normal distribution."""
TINY = 1e-12
"""Differences below this are rounding, where values are of the order of one."""


class Estimate(Out):
    """A number with its 95 % bounds, over ``n`` cases (or pairs)."""

    value: float
    low: float
    high: float
    n: int

    @property
    def falls(self) -> bool:
        """True when the whole interval lies below zero: a difference that is a drop, not noise."""
        return self.high < 0

    @property
    def rises(self) -> bool:
        """True when the whole interval lies above zero."""
        return self.low > 0


def wilson(passed: float, total: int) -> Estimate | None:
    """The share ``passed / total`` with Wilson's score interval; None of nothing.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927);
    recommended for small samples by Brown, Cai and DasGupta, Interval estimation for a binomial proportion (2001).
    """
    if total <= 0:
        return None
    share, square = passed / total, Z * Z
    scale = 1 + square / total
    middle = (share + square / (2 * total)) / scale
    reach = Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total)) / scale
    # at 0 and 1 the bound is the share itself; rounding must not put it beside
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Estimate(value=share, low=min(low, share), high=max(high, share), n=total)


def by_case(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """The mean of each case over its repeats; a repeat without a value does not count."""
    found: dict[str, list[float]] = {}
    for case, value in values:
        if value is not None:
            found.setdefault(case, []).append(value)
    return {case: math.fsum(some) / len(some) for case, some in sorted(found.items())}


def mean(cases: Mapping[str, float]) -> Estimate | None:
    """The mean over cases with its interval; None of nothing.

    Source of the interval: see :func:`_bootstrapped`.
    """
    if not cases:
        return None
    return _bootstrapped([cases[case] for case in sorted(cases)])


def paired(before: Mapping[str, float], after: Mapping[str, float]) -> Estimate | None:
    """The mean of ``after - before`` over the cases both have; None when they share none.

    Pairing takes what is hard or easy about a case out of the difference. Cases are taken in the order of their ids:
    the order they were played in does not matter, and swapped sides give the mirrored interval.
    """
    return mean({case: after[case] - before[case] for case in before.keys() & after.keys()})


def mcnemar(lost: int, won: int) -> float:
    """The chance of a split at least this uneven if neither side were better: McNemar's test, exact, two-sided.

    Args:
        lost: cases that passed before and fail now.
        won: cases that failed before and pass now.

    Source: Q. McNemar, Psychometrika 12 (1947), with the binomial in place of χ² because few cases ever turn.
    """
    turned = lost + won
    if turned == 0:
        return 1.0
    tail = sum(math.comb(turned, k) for k in range(min(lost, won) + 1))
    return float(min(1.0, 2 * tail / 2**turned))


def holm(chances: Mapping[str, float], level: float = 0.05) -> set[str]:
    """Of several tests looked at together those that stand: false alarms stay at ``level`` over all of them.

    Args:
        chances: test → its chance under no difference.
        level: of one false alarm or more.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6
    (1979).
    """
    found: set[str] = set()
    for place, (name, chance) in enumerate(sorted(chances.items(), key=lambda item: (item[1], item[0]))):
        if chance > level / (len(chances) - place):
            break
        found.add(name)
    return found


class Kappa(Out):
    """Cohen's κ with its 95 % bounds. ``agreed``: the plain share that agrees."""

    value: float
    low: float
    high: float
    n: int
    agreed: float
    chance: float
    """The share that would agree by chance, the two deciding by their own habits."""


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> Kappa | None:
    """Agreement of two raters beyond chance; None without pairs, or where both only ever gave one and the same answer.

    Source: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20
    (1960). His error holds chance agreement fixed and bounds the observed agreement; Wilson's interval bounds it here
    in place of Wald's, which would call twenty agreements in a row a certainty.
    """
    n = len(pairs)
    if n == 0:
        return None
    left, right = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(left[name] * right[name] for name in left) / (n * n)
    if chance >= 1:
        return None
    agreed = wilson(sum(one == other for one, other in pairs), n)
    assert agreed is not None
    value, low, high = ((share - chance) / (1 - chance) for share in (agreed.value, agreed.low, agreed.high))
    return Kappa(value=value, low=max(-1.0, low), high=min(1.0, high), n=n, agreed=agreed.value, chance=chance)


def _bootstrapped(values: Sequence[float]) -> Estimate:
    """The mean of values with its percentile bootstrap interval; the estimate is always inside.

    Source: B. Efron and R. Tibshirani, An introduction to the bootstrap (1993), 13.3. The corrected interval (BCa) was
    tried and left: where few cases differ at all, and by much, it calls a drop of two equal runs two to four times as
    often as it says (6 to 10 % of runs of 40 cases in place of 2.5 %; this one 2 to 4 %) and finds hardly more.
    """
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    value = float(sample[0]) if np.ptp(sample) == 0 else math.fsum(values) / n
    if n == 1 or np.ptp(sample) <= TINY * max(1.0, abs(value)):
        return Estimate(value=value, low=value, high=value, n=n)
    low, high = np.quantile(sample[_chosen(n)].mean(axis=1), [0.025, 0.975])
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value), n=n)


def _chosen(n: int) -> NDArray[np.int64]:
    """Which cases each resample is made of; the same for every sample of this size."""
    import numpy as np

    return np.random.default_rng(SEED).integers(0, n, size=(RESAMPLES, n))
