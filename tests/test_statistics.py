"""Intervals, paired differences and agreement hold what their names promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.statistics import Estimate, by_case, holm, kappa, mcnemar, mean, paired, wilson

POINTS = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3))
CASES = st.dictionaries(st.text("abc.123", min_size=1, max_size=6), POINTS, min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.sampled_from("pf"), st.sampled_from("pf")), max_size=60)
few = settings(max_examples=60, deadline=None)


def close(one: float, other: float) -> bool:
    return one == pytest.approx(other, abs=1e-9)


@few
@given(st.integers(0, 300), st.integers(0, 300))
def test_wilson_holds_its_share_and_mirrors(passed: int, failed: int) -> None:
    found, mirrored = wilson(passed, passed + failed), wilson(failed, passed + failed)
    if found is None or mirrored is None:
        assert passed == failed == 0
        return
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    assert close(found.low, 1 - mirrored.high)


def test_wilson_is_the_published_interval() -> None:
    found = wilson(8, 10)  # Brown, Cai and DasGupta's formula by hand
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)


@few
@given(CASES)
def test_a_mean_lies_in_its_interval_and_the_interval_in_what_was_seen(cases: dict[str, float]) -> None:
    found = mean(cases)
    assert found is not None
    assert min(cases.values()) - 1e-9 <= found.low <= found.value <= found.high <= max(cases.values()) + 1e-9
    assert found.n == len(cases)


@few
@given(CASES, st.randoms())
def test_order_of_cases_and_of_runs_changes_nothing(cases: dict[str, float], chance: random.Random) -> None:
    shuffled = list(cases.items())
    chance.shuffle(shuffled)
    assert mean(dict(shuffled)) == mean(cases)


@few
@given(CASES)
def test_identical_runs_differ_by_nothing(cases: dict[str, float]) -> None:
    assert paired(cases, cases) == Estimate(value=0, low=0, high=0, n=len(cases))


@few
@given(CASES, CASES)
def test_swapped_runs_give_the_mirrored_difference(one: dict[str, float], other: dict[str, float]) -> None:
    there, back = paired(one, other), paired(other, one)
    if there is None or back is None:
        assert there is back is None and not one.keys() & other.keys()
        return
    assert close(there.value, -back.value)
    assert close(there.low, -back.high)
    assert close(there.high, -back.low)


def test_only_shared_cases_are_paired() -> None:
    found = paired({"a": 10.0, "gone": 0.0}, {"a": 30.0, "new": 100.0})
    assert found == Estimate(value=20, low=20, high=20, n=1)


def test_a_drop_of_many_cases_is_a_drop_and_of_one_is_noise() -> None:
    before = {f"c{n}": 100.0 for n in range(200)}
    one = paired(before, before | {"c7": 0.0})
    many = paired(before, before | {f"c{n}": 0.0 for n in range(12)})
    assert one is not None and not one.falls
    assert many is not None and many.falls and not many.rises


def test_shared_difficulty_does_not_widen_the_difference() -> None:
    before = {f"c{n}": float(n % 100) for n in range(300)}
    better = paired(before, {name: points + 1 for name, points in before.items()})
    assert better is not None and better.rises and close(better.high - better.low, 0)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = random.Random(5)
    held = 0
    for _ in range(120):
        drawn = mean({str(n): 100.0 * (chance.random() < 0.9) for n in range(150)})
        held += drawn is not None and drawn.low <= 90 <= drawn.high
    assert held >= 105  # 114 expected; fewer than 105 by chance once in two thousand times


def test_repeats_of_a_case_count_once() -> None:
    assert by_case([("a", 100.0), ("a", 50.0), ("b", None), ("b", 80.0), ("c", None)]) == {"a": 75.0, "b": 80.0}


@few
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_chance_and_asks_only_how_uneven(lost: int, won: int) -> None:
    found = mcnemar(lost, won)
    assert 0 < found <= 1
    assert found == mcnemar(won, lost)
    if lost > won:
        assert mcnemar(lost + 1, won) <= found


def test_mcnemar_is_the_binomial() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 0) == 2 / 32
    assert mcnemar(1, 8) == 2 * (1 + 9) / 512


def test_many_tests_are_held_together() -> None:
    assert holm({"a": 0.03, "b": 0.5}) == set()
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a"}
    assert holm({"a": 0.01, "b": 0.02, "c": 0.03}) == {"a", "b", "c"}
    assert holm({"a": 0.04}) == {"a"} and holm({}) == set()


@few
@given(st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 1), max_size=8))
def test_holm_lets_no_larger_chance_stand_before_a_smaller(chances: dict[str, float]) -> None:
    stands = holm(chances)
    assert {name for name, chance in chances.items() if chance <= 0.05 / len(chances)} <= stands
    left = [chances[name] for name in chances.keys() - stands]
    assert all(chances[name] <= min([0.05, *left]) for name in stands)


@few
@given(PAIRS, st.randoms())
def test_kappa_holds_its_value_and_does_not_care_who_is_who(
    pairs: list[tuple[str, str]], chance: random.Random
) -> None:
    found = kappa(pairs)
    swapped = [(other, one) for one, other in pairs]
    chance.shuffle(swapped)
    assert kappa(swapped) == found
    if found is not None:
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert found.agreed == sum(one == other for one, other in pairs) / len(pairs)


def test_kappa_by_the_book() -> None:
    # 50 grant proposals: Cohen's own layout, 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no → (0.7 - 0.5) / 0.5
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = kappa(pairs)
    assert found is not None and close(found.value, 0.4) and found.low < 0.4 < found.high


def test_agreement_in_one_answer_only_says_nothing() -> None:
    assert kappa([("p", "p")] * 30) is None
    assert kappa([]) is None


def test_a_few_agreements_in_a_row_are_no_certainty() -> None:
    found = kappa([("p", "p")] * 10 + [("f", "f")] * 10)
    assert found is not None and found.value == 1 and found.low < 0.8
