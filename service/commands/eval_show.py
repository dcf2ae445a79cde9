"""What a terminal shows of runs: one that is finished, and the list of them (``youli eval list``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.inputs import shown
from service.commands.words import printable, red, strong, word
from service.settings import read_settings

if TYPE_CHECKING:
    from evals.results import CaseResult, Summary


def run_list(as_json: bool) -> int:
    """List the runs, newest first."""
    from evals.runs import all_runs, read_summary, runs_dir, unreadable_runs

    data_dir = read_settings().data_dir
    rows = [(info, read_summary(runs_dir(data_dir) / info.id)) for info in all_runs(data_dir)]
    if as_json:
        told = [
            info.model_dump(mode="json") | {"points": summary.points if summary else None} for info, summary in rows
        ]
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    if not rows:
        print(word("eval", "none"))
    for info, summary in rows:
        share = summary.passed if summary else None
        line = word(
            "eval",
            "run_line",
            id=info.id,
            state=word("eval", f"state_{info.state}"),
            points="—" if summary is None or summary.points is None else f"{summary.points:.1f}",
            passed=f"{share.passed}/{share.scored}" if share else "—",
            label=info.label,
        )
        print(printable(line.rstrip()))
    for name in unreadable_runs(data_dir):
        print(printable(word("eval", "run_unreadable", id=name)))
    return 0


def run_lines(summary: Summary, results: Sequence[CaseResult], folder: Path) -> list[str]:
    """A finished run for a terminal: points, vetoes, what failed most, where the report is."""
    from evals.judge import why_unscored
    from evals.rubric import shipped_rubric

    names = shipped_rubric().entry.scorers
    share = summary.passed
    lines = [
        strong(
            word(
                "eval",
                "points",
                points=_number(summary.points),
                low=_number(summary.points_low),
                high=_number(summary.points_high),
            )
        ),
        word("eval", "passed", passed=share.passed, scored=share.scored, errors=summary.errors),
    ]
    for scorer, count in summary.vetoes.items():
        lines.append(red(word("eval", "veto", name=names[scorer].name if scorer in names else scorer, count=count)))
    failing = {name: one.scored - one.passed for name, one in summary.by_scorer.items() if one.passed < one.scored}
    for scorer, count in sorted(failing.items(), key=lambda item: -item[1]):
        lines.append(
            word("eval", "failing", name=names[scorer].name, count=count, scored=summary.by_scorer[scorer].scored)
        )
    unscored = sum(one.unscored for one in summary.by_scorer.values())
    if unscored:
        lines.append(word("eval", "unscored", count=unscored, why=why_unscored(results)))
    if summary.mutations:
        caught, whole = sum(one.caught for one in summary.mutations), sum(one.drafts for one in summary.mutations)
        lines.append(word("eval", "mutations", caught=caught, drafts=whole))
    lines.append(word("eval", "took", cases=summary.cases, seconds=f"{summary.seconds:.1f}"))
    lines.append(word("eval", "report", path=shown(str(folder / "report.html"))))
    return lines


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"
