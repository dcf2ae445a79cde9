"""What ``compare`` and the gate are given by name, opened: a run by id, folder or results file, or a baseline file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from evals.baseline import read_baseline
from evals.dataset import Case
from evals.rescoring import rescore
from evals.results import CaseResult, RunInfo
from evals.rubric import Rubric
from evals.runs import RESULTS, RUN, SUMMARY, find_run, read_info, read_results
from evals.sight import Sight
from evals.standing import Side, side_of
from evals.words import listed, word
from service.errors import UsageError


@dataclass(frozen=True)
class Opened:
    """What a name stands for: a run with its results, or the baseline.

    ``folder`` is None for a baseline, and for results that lie alone.
    """

    folder: Path | None
    info: RunInfo | None
    results: list[CaseResult]
    baseline: Side | None = None
    warnings: tuple[str, ...] = ()

    def side(self, rubric: Rubric) -> Side:
        """As a side of a comparison."""
        if self.baseline is not None:
            return self.baseline
        assert self.info is not None  # what is no baseline is a run
        return side_of(self.info, self.results, rubric.entry.pass_, self.warnings)

    def rescored(self, cases: Mapping[str, Case], sight: Sight) -> Opened:
        """Scored anew by today's rubric and cases; a baseline keeps no drafts and stays as it is."""
        if self.info is None:
            return replace(self, warnings=(*self.warnings, word("compare", "no_drafts")))
        results, left = rescore(self.results, cases, sight, self.info.digests.rubric)
        digests = self.info.digests.model_copy(update={"rubric": sight.rubric.digest})
        told = (word("compare", "left_out", count=len(left), cases=listed(left)),) if left else ()
        info = self.info.model_copy(
            update={"digests": digests, "total": self.info.total - len(self.results) + len(results)}
        )
        return replace(self, info=info, results=results, warnings=(*self.warnings, *told))


def open_any(given: str, data_dir: Path) -> Opened:
    """A run or a baseline.

    Args:
        given: a run's id or ``latest``, its folder, its ``results.jsonl`` (also one that lies alone), or a baseline.
        data_dir: where runs are kept.

    Raises:
        UsageError: no such run, nothing in it, a line that cannot be read.
        RulebookError: a broken baseline.
    """
    path = Path(given)
    if path.is_file() and path.suffix == ".json" and _is_baseline(path):
        return Opened(None, None, [], read_baseline(path))
    if path.is_file() and path.suffix == ".jsonl" and not (path.name == RESULTS and path.with_name(RUN).is_file()):
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)  # nothing is known of how they were made
        return _opened(None, RunInfo(id=path.name, state="done", started_at=at), path)
    return open_run(find_run(given, data_dir))


def open_run(folder: Path) -> Opened:
    """The run of a folder; errors as in :func:`open_any`."""
    return _opened(folder, read_info(folder), folder / RESULTS)


def _opened(folder: Path | None, info: RunInfo, path: Path) -> Opened:
    results, half = read_results(path)
    if not results:
        raise UsageError("run_empty", run=path)
    return Opened(folder, info, results, warnings=(word("compare", "half", file=path),) if half else ())


def _is_baseline(path: Path) -> bool:
    """A run's own files are JSON too; a file that cannot be read is left to whoever says why."""
    if path.name in (RUN, SUMMARY):
        return False
    try:
        whole = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return True
    return isinstance(whole, dict) and isinstance(whole.get("cases"), dict)
