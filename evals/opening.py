"""What ``compare`` and the gate are given by name, opened: a run by id, folder or results file, or a baseline file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from evals.baseline import read_baseline
from evals.results import RunInfo
from evals.rubric import Rubric
from evals.runs import RESULTS, RUN, find_run, read_info, read_results
from evals.standing import Side, side_of
from evals.words import word
from service.errors import UsageError


def open_side(given: str, data_dir: Path, rubric: Rubric) -> Side:
    """A run or a baseline.

    Args:
        given: a run's id or ``latest``, its folder, its ``results.jsonl`` (also one that lies alone), or a baseline.
        data_dir: where runs are kept.
        rubric: says from how many points a case passes.

    Raises:
        UsageError: no such run, nothing in it, a line that cannot be read.
        RulebookError: a broken baseline.
    """
    path = Path(given)
    if path.is_file() and path.suffix == ".json" and _is_baseline(path):
        return read_baseline(path)
    if path.is_file() and path.suffix == ".jsonl" and not (path.name == RESULTS and path.with_name(RUN).is_file()):
        return _alone(path, rubric)
    return open_run(find_run(given, data_dir), rubric)


def open_run(folder: Path, rubric: Rubric) -> Side:
    """The run of a folder; errors as in :func:`open_side`."""
    info = read_info(folder)
    return _side(info, folder / RESULTS, rubric)


def _alone(path: Path, rubric: Rubric) -> Side:
    """Results without a ``run.json``: nothing is known of how they were made."""
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return _side(RunInfo(id=path.name, state="done", started_at=at), path, rubric)


def _side(info: RunInfo, path: Path, rubric: Rubric) -> Side:
    results, half = read_results(path)
    if not results:
        raise UsageError("run_empty", run=path)
    warnings = [word("compare", "half", file=path)] if half else []
    return side_of(info, results, rubric.entry.pass_, warnings)


def _is_baseline(path: Path) -> bool:
    """A run's own files are JSON too; a file that cannot be read is left to whoever says why."""
    try:
        whole = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return path.name != RUN
    return isinstance(whole, dict) and isinstance(whole.get("cases"), dict)
