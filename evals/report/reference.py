"""What a run's report compares it with: the accepted baseline, or the last run that asked the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evals.baseline import BASELINE, read_baseline
from evals.opening import open_any, open_run
from evals.results import RunInfo, Summary
from evals.rubric import shipped_rubric
from evals.runs import find_run, runs_dir
from evals.standing import Side
from service.errors import YouliError


def usual_reference(
    info: RunInfo, data_dir: Path, history: Sequence[Summary], baseline: Path = BASELINE
) -> Side | None:
    """What a run is compared with unless somebody says otherwise.

    The accepted baseline for a run of the whole suite, where there is one; else the last of ``history``; else nothing.

    Raises:
        RulebookError: the baseline is broken.
    """
    if baseline.is_file() and not info.only and info.kind == "suite":
        return with_replies(read_baseline(baseline), data_dir)
    return open_run(runs_dir(data_dir) / history[-1].run.id).side(shipped_rubric()) if history else None


def named_reference(given: str, data_dir: Path) -> Side:
    """A run or a baseline file by name.

    Raises:
        UsageError: no such run, or nothing in it.
        RulebookError: a broken baseline.
    """
    return with_replies(open_any(given, data_dir).side(shipped_rubric()), data_dir)


def with_replies(side: Side, data_dir: Path) -> Side:
    """A baseline with the replies of the run it was made from, where that run is still kept.

    A baseline keeps no replies; only those of a case that is the same word for word are taken.
    """
    if side.results or not side.standing.id:
        return side
    try:
        run = open_run(find_run(side.standing.id, data_dir)).side(shipped_rubric())
    except YouliError:
        return side
    kept = {
        case: result
        for case, result in run.results.items()
        if case in side.standing.cases and side.standing.cases[case].digest == result.digest
    }
    return replace(side, results=kept)
