"""A run in numbers: rates with their intervals, by scorer, step, scenario, verdict, threat and tag."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from evals.results import CaseResult, Killed, Rate, RunInfo, Summary, added
from evals.statistics import by_case, mean, wilson
from service.schemas import StepName

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
    points = by_case((result.case, result.points) for result in results)
    sure = mean(points) if len(points) > 1 else None  # one case bounds nothing
    return Summary(
        run=run,
        cases=len({result.case for result in results}),
        results=len(results),
        errors=sum(result.error is not None for result in results),
        points=round(sum(points.values()) / len(points), 2) if points else None,
        points_low=None if sure is None else round(sure.low, 2),
        points_high=None if sure is None else round(sure.high, 2),
        passed=rate([_whole(result) for result in results]),
        vetoes=_vetoes(results),
        by_scorer=_by_scorer(results),
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
        usage=added(result.usage for result in results),
        cached=sum(result.cached for result in results),
    )


def rate(statuses: Sequence[str]) -> Rate:
    """How many passed of those that could be scored, with Wilson's interval."""
    scored = [status for status in statuses if status != "unscored"]
    passed, n = scored.count("passed"), len(scored)
    sure = wilson(passed, n)
    if sure is None:
        return Rate(unscored=len(statuses))
    bounds = {"share": round(sure.value, 4), "low": round(sure.low, 4), "high": round(sure.high, 4)}
    return Rate(passed=passed, scored=n, unscored=len(statuses) - n, **bounds)


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


def _by_scorer(results: Iterable[CaseResult]) -> dict[str, Rate]:
    found: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for score in result.scores:
            found[score.scorer].append(score.status)
    return {scorer: rate(statuses) for scorer, statuses in found.items()}


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
    found: dict[str, list[CaseResult]] = defaultdict(list)
    for result in results:
        found[result.scenario].append(result)
    return {scenario: _by_scorer(some) for scenario, some in sorted(found.items())}


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
