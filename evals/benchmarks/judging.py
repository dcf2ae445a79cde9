"""Which criteria were judged: ``python -m evals.benchmarks.judging [RUN]`` prints a Markdown table.

Without a run: how many of the cases' criteria a rule tells and how many are left for the judge. With a run's folder:
what the judge made of them, and why what is unscored is unscored.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.dataset import Case, load_cases
from evals.results import CaseResult
from evals.rubric import shipped_rubric
from evals.runs import read_results


@dataclass
class Judged:
    """What came of one scorer's criteria that are the judge's."""

    scorer: str
    asked: int = 0
    passed: int = 0
    failed: int = 0
    why: Counter[str] = field(default_factory=Counter)
    """Reasons of what is unscored."""


def judged(results: Iterable[CaseResult]) -> list[Judged]:
    """A row for each scorer a judge was to be asked about, in the rubric's order."""
    rows = {name: Judged(name) for name in shipped_rubric().entry.scorers}
    for score in (score for one in results for score in one.scores if score.by == "judge"):
        row = rows.setdefault(score.scorer, Judged(score.scorer))
        row.asked += 1
        row.passed += score.status == "passed"
        row.failed += score.status == "failed"
        if score.status == "unscored":
            row.why[score.reason.partition("：")[0]] += 1
    return [row for row in rows.values() if row.asked]


def left_for_the_judge(cases: Iterable[Case]) -> dict[str, tuple[int, int]]:
    """Kind of criterion → how many a rule tells, and how many are left for the judge."""
    counts = {"must": [0, 0], "must_not": [0, 0]}
    for case in cases:
        for kind, all_ in (("must", case.entry.must), ("must_not", case.entry.must_not)):
            for one in all_:
                counts[kind][not one.says and not one.scorer] += 1
    return {kind: (by_rule, left) for kind, (by_rule, left) in counts.items()}


def _mostly(why: Counter[str]) -> str:
    return why.most_common(1)[0][0] if why else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def main(arguments: list[str]) -> int:
    """Print the table."""
    if not arguments:
        cases = list(load_cases())
        counts = left_for_the_judge(cases)
        rows = [(kind, by_rule, left) for kind, (by_rule, left) in counts.items()]
        rows.append(("rubric", 0, len(shipped_rubric().judged) * len(cases)))
        print("\n".join(_table(("criteria", "by rule", "for the judge"), rows)))
        return 0
    found = judged(read_results(Path(arguments[0]))[0])
    told = [(one.scorer, one.asked, one.passed, one.failed, one.why.total(), _mostly(one.why)) for one in found]
    print("\n".join(_table(("scorer", "asked", "passed", "failed", "unscored", "mostly because"), told)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
