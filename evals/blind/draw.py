"""Drawing a sample with unequal chances that are known: who is drawn more often counts for less."""

from __future__ import annotations

import random
from collections.abc import Sequence


def chances(sizes: Sequence[float], n: int) -> list[float]:
    """For each thing its chance of being among ``n``, in proportion to its size and never above 1.

    Args:
        sizes: above 0.
        n: how many are drawn; all where there are no more.
    """
    if n >= len(sizes):
        return [1.0] * len(sizes)
    found = [0.0] * len(sizes)
    free = set(range(len(sizes)))
    left = float(n)
    while free:
        whole = sum(sizes[i] for i in free)
        sure = {i for i in free if sizes[i] * left >= whole}
        if not sure:
            for i in free:
                found[i] = sizes[i] * left / whole
            break
        for i in sure:
            found[i] = 1.0
        free -= sure
        left -= len(sure)
    return found


def draw(odds: Sequence[float], rng: random.Random) -> list[int]:
    """Places drawn with these chances, in order: evenly along the list, so that neighbours stand in for each other.

    Systematic sampling (W. G. Madow, Annals of Mathematical Statistics 20, 1949): what is sorted by stratum is drawn
    from every stratum in proportion, and the number drawn is the sum of the chances, give or take less than one.
    """
    at, point = 0.0, rng.random()
    found = []
    for place, chance in enumerate(odds):
        if chance >= 1.0:
            found.append(place)
            continue
        at += chance
        if at > point:
            found.append(place)
            point += 1.0
    return found
