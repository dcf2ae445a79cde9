"""What a report is made from: a run's summary and results, read from its folder or given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.results import CaseResult, RunInfo, Summary
from evals.review_log import read_log
from evals.reviews import Review
from evals.runs import all_runs, read_info, read_results, read_summary, runs_dir
from evals.summing import summarize

MOST = 20
"""Earlier runs on the trend."""


@dataclass(frozen=True)
class Material:
    """A run: its numbers, and what each case came to."""

    summary: Summary
    results: Sequence[CaseResult] = field(default_factory=list)
    reviews: Sequence[Review] = field(default_factory=list)
    """What people said about its scores, in the order they said it."""


def read_material(folder: Path) -> Material:
    """A run from its folder. One that was stopped is summed up over what it has.

    Raises:
        UsageError: ``run_not_found``, ``run_broken``.
        EnvironmentProblem: its reviews cannot be read.
    """
    info = read_info(folder)
    results, _ = read_results(folder)
    return Material(read_summary(folder) or summarize(info, results), results, read_log(folder).reviews)


def earlier_runs(info: RunInfo, data_dir: Path) -> list[Summary]:
    """Summaries of the finished runs before this one that asked the same, from the oldest on; at most :data:`MOST`.

    The same means: the same cases asked for, the same writer, shop and target. What differs besides is what a trend is
    there to show, and stands beside it.
    """
    found: list[Summary] = []
    for other in all_runs(data_dir):
        if len(found) == MOST:
            break
        if other.state != "done" or other.started_at >= info.started_at or _asked(other) != _asked(info):
            continue
        summary = read_summary(runs_dir(data_dir) / other.id)
        if summary is not None:
            found.append(summary)
    return found[::-1]


def _asked(info: RunInfo) -> tuple[object, ...]:
    return (info.kind, info.shop, info.writer, info.target, sorted(info.only), info.repeats)
