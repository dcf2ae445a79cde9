"""A run in numbers: rates with their intervals, by scorer, step, scenario, verdict, threat and tag."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from evals.results import CaseResult, Killed, Rate, RunInfo, Score, Summary
from service.schemas import StepName

Z = 1.959964
"""95 %, two-sided."""
RECALL_AT = (1, 3, 5, 10)


def summarize(
    run: RunInfo,
    results: Sequence[CaseResult],
    *,
    latencies: Sequence[float] = (),
    expected: Mapping[str, Sequence[str]] | None = None,
    mutations: Sequence[Killed] = (),
) -> Summary:
    """The summary of a run.

    Args:
        run: how it was made.
        results: what it left.
        latencies: seconds of every draft.
        expected: case → documents its draft should name, for recall.
        mutations: how many spoiled drafts were caught.
    """
    scores = [(result, score) for result in results for score in result.scores]
    points = _points_by_case(results)
    mean = sum(points) / len(points) if points else None
    low, high = mean_interval(points)
    return Summary(
        run=run,
        cases=len({result.case for result in results}),
        results=len(results),
        errors=sum(result.error is not None for result in results),
        points=None if mean is None else round(mean, 2),
        points_low=low,
        points_high=high,
        passed=rate([_whole(result) for result in results]),
        vetoes=_vetoes(results),
        by_scorer=_rates(scores, lambda result, score: [score.scorer]),
        by_step=_by_step(results),
        by_scenario=_passing(results, lambda one: [one.scenario]),
        by_verdict=_passing(results, lambda one: [one.verdict]),
        by_threat=_passing(results, lambda one: [one.threat]),
        by_tag=_passing(results, lambda one: one.tags),
        heat=_heat(results),
        recall=_recall(results, expected or {}),
        mutations=list(mutations),
        seconds=run.seconds,
        latency_ms=_latency(latencies),
        calls=sum(result.calls for result in results),
        usage=_usage(results),
        cached=sum(result.cached for result in results),
    )


def rate(statuses: Sequence[str]) -> Rate:
    """How many passed of those that could be scored, with Wilson's interval (Wilson 1927)."""
    scored = [status for status in statuses if status != "unscored"]
    passed, n = scored.count("passed"), len(scored)
    if not n:
        return Rate(unscored=len(statuses))
    low, high = wilson(passed, n)
    share = round(passed / n, 4)
    return Rate(passed=passed, scored=n, unscored=len(statuses) - n, share=share, low=low, high=high)


def wilson(passed: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 %."""
    share, spread = passed / n, Z * Z / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)


def mean_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean's interval by its standard error, 95 %; of fewer than two values there is none."""
    if len(values) < 2:
        return None, None
    mean = sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    return round(max(0.0, mean - Z * error), 2), round(min(100.0, mean + Z * error), 2)


def _points_by_case(results: Iterable[CaseResult]) -> list[float]:
    """The mean points of each case over its repeats: repeats of one case are no independent witnesses."""
    found: dict[str, list[float]] = defaultdict(list)
    for result in results:
        if result.points is not None:
            found[result.case].append(result.points)
    return [sum(points) / len(points) for points in found.values()]


def _whole(result: CaseResult) -> str:
    if result.points is None and result.error is None:
        return "unscored"
    return "passed" if result.passed else "failed"


def _vetoes(results: Iterable[CaseResult]) -> dict[str, int]:
    found: dict[str, set[str]] = defaultdict(set)
    for result in results:
        for score in result.scores:
            if score.veto and score.status == "failed":
                found[score.scorer].add(result.case)
    return {scorer: len(cases) for scorer, cases in sorted(found.items())}


def _rates(
    scores: Iterable[tuple[CaseResult, Score]], keys: Callable[[CaseResult, Score], list[str]]
) -> dict[str, Rate]:
    found: dict[str, list[str]] = defaultdict(list)
    for result, score in scores:
        for key in keys(result, score):
            found[key].append(score.status)
    return {key: rate(statuses) for key, statuses in found.items()}


def _passing(results: Iterable[CaseResult], keys: Callable[[CaseResult], list[str]]) -> dict[str, Rate]:
    found: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for key in keys(result):
            found[key].append(_whole(result))
    return {key: rate(found[key]) for key in sorted(found)}


def _by_step(results: Iterable[CaseResult]) -> dict[str, Rate]:
    """A step passes where it is there and no failed score is about it; one that is missing fails where it is told."""
    found: dict[StepName, list[str]] = defaultdict(list)
    for result in results:
        if result.draft is None:
            continue
        wrong = {score.step for score in result.scores if score.status == "failed" and score.step}
        there = {step.step for step in result.draft.steps}
        for step in sorted(there | wrong):
            found[step].append("failed" if step in wrong else "passed")
    return {step: rate(statuses) for step, statuses in found.items()}


def _heat(results: Iterable[CaseResult]) -> dict[str, dict[str, Rate]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for score in result.scores:
            found[result.scenario][score.scorer].append(score.status)
    return {one: {name: rate(s) for name, s in by.items()} for one, by in sorted(found.items())}


def _recall(results: Iterable[CaseResult], expected: Mapping[str, Sequence[str]]) -> dict[str, float | None]:
    """Of the documents a case wants, the share named among the first k the draft names."""
    shares: dict[int, list[float]] = {k: [] for k in RECALL_AT}
    for result in results:
        wanted = {name.partition("#")[0] for name in expected.get(result.case, ())}
        if not wanted or result.draft is None:
            continue
        named = list(dict.fromkeys(one.document_id for one in (*result.draft.citations, *result.draft.guidance)))
        for k in RECALL_AT:
            shares[k].append(len(wanted & set(named[:k])) / len(wanted))
    return {str(k): round(sum(found) / len(found), 4) if found else None for k, found in shares.items()}


def _latency(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds of a draft: the median, and what nine and ninety-nine of ten and a hundred stay under."""
    if not seconds:
        return {}
    ranked = sorted(seconds)
    return {
        f"p{share}": round(1000 * ranked[min(len(ranked) - 1, math.ceil(share / 100 * len(ranked)) - 1)], 2)
        for share in (50, 90, 99)
    }


def _usage(results: Iterable[CaseResult]) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for result in results:
        for name, count in result.usage.items():
            total[name] += count
    return dict(total)
