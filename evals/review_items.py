"""The items of runs that were reviewed blind, and what people and the scorers said of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.blind.sheet import Sheet, read_sheets
from evals.results import CaseResult, RunInfo, Score, Status
from evals.review_log import read_log
from evals.reviews import Review, machine_status, person, seen
from evals.runs import read_info, read_results

Stands = Mapping[str, Mapping[tuple[str, str, str], float]]
"""Sheet → item → how many of its run it stands for."""


@dataclass(frozen=True)
class Reviewed:
    """A run with its reviews, read once."""

    info: RunInfo
    results: Sequence[CaseResult]
    reviews: Sequence[Review]
    sheets: Mapping[str, Sheet] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Reviewed:
        """The run in a folder.

        Raises:
            UsageError: it cannot be read.
        """
        return cls(read_info(folder), read_results(folder)[0], read_log(folder).reviews, read_sheets(folder))


@dataclass
class Items:
    """What was said of one scorer's items."""

    pairs: list[tuple[Status, Status]] = field(default_factory=list)
    stand: list[float] = field(default_factory=list)
    """How many of the run each pair stands for."""
    unsure: int = 0
    unscored: int = 0
    same: int = 0
    """Pairs of people who said the same."""
    met: int = 0


def matched(
    runs: Sequence[Reviewed], reviews: Sequence[Review], digest: str
) -> Iterator[tuple[str, str, Status, list[Review]]]:
    """Every item of the runs that was reviewed blind: scorer, by what, its status; the same once for each judge."""
    said = _said(reviews)
    done: set[tuple[object, ...]] = set()
    for run in runs:
        for result in run.results:
            if (result.rubric or run.info.digests.rubric) != digest:
                continue
            text = seen(result)
            for (scorer, criterion), scores in _grouped(result).items():
                item, status, by = (result.case, text, scorer, criterion), machine_status(scores), scores[0].by
                again = (*item, by, status, run.info.digests.judge if by == "judge" else "")
                if item in said and again not in done:
                    done.add(again)
                    yield scorer, by, status, list(said[item].values())


def _said(reviews: Iterable[Review]) -> dict[tuple[str, str, str, str], dict[str, Review]]:
    """Of each reply's item what each person said last."""
    found: dict[tuple[str, str, str, str], dict[str, Review]] = {}
    for one in reviews:
        found.setdefault((one.case, one.seen, one.scorer, one.criterion), {})[person(one.reviewer)] = one
    return found


def _grouped(result: CaseResult) -> dict[tuple[str, str], list[Score]]:
    found: dict[tuple[str, str], list[Score]] = {}
    for score in result.scores:
        found.setdefault((score.scorer, score.criterion), []).append(score)
    return found


def count(items: Items, status: Status, said: Sequence[Review], stands: Stands) -> None:
    """Put down what a scorer and people said of one item."""
    told = [one.status for one in said if one.status is not None]
    passed, failed = told.count("passed"), told.count("failed")
    items.met += len(told) * (len(told) - 1) // 2
    items.same += passed * (passed - 1) // 2 + failed * (failed - 1) // 2
    if passed == failed:
        items.unsure += 1
    elif status == "unscored":
        items.unscored += 1
    else:
        items.pairs.append((status, "passed" if passed > failed else "failed"))
        known = (stands.get(one.sheet or "", {}).get((one.case, one.scorer, one.criterion)) for one in said)
        items.stand.append(next((one for one in known if one is not None), 1.0))
