"""A run's reports as files, in every format: each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from evals.gate import Gated
from evals.opening import open_any
from evals.report.html import html
from evals.report.junit import junit
from evals.report.markdown import pull_request
from evals.report.material import Material, read_material
from evals.report.names import Names
from evals.report.page import Page, compose
from evals.report.tables import results_csv, scores_csv
from evals.results import CaseResult, Summary
from evals.rubric import shipped_rubric
from evals.runs import RESULTS, SUMMARY
from evals.standing import Side, side_of
from evals.whole import write_whole
from service.errors import EnvironmentProblem
from service.labelling import implicit
from service.settings import HOME

Format = Literal["html", "junit", "csv", "markdown", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

_MADE: dict[Format, dict[str, Callable[[Page], str]]] = {
    "html": {"report.html": html},
    "junit": {"junit.xml": junit},
    "csv": {"results.csv": results_csv, "scores.csv": scores_csv},
    "markdown": {"report.md": pull_request},
}


def write_report(
    run: Path | Material,
    out_dir: Path,
    baseline: Path | Material | Side | None = None,
    history: Sequence[Summary] = (),
    formats: Iterable[Format] = FORMATS,
    knowledge: Path = HOME / "knowledge",
    gated: Gated | None = None,
) -> list[Path]:
    """Write a run's reports.

    Args:
        run: its folder, or what is in it.
        out_dir: made where it is missing; files of other names in it stay.
        baseline: what it is compared with: a run's folder, what is in it, or an accepted baseline, which keeps no
            replies.
        history: summaries of earlier runs, for the trend.
        formats: what is wanted.
        knowledge: where the scenarios' names stand.
        gated: what the gate said of the run and this baseline, where it was asked; else it is asked here.

    Returns:
        The files, in the order of ``formats``.

    Raises:
        UsageError: ``run_not_found``, ``run_broken``; the baseline is none.
        RulebookError: a broken baseline file.
        EnvironmentProblem: ``report_unwritable``.
    """
    made = read_material(run) if isinstance(run, Path) else run
    reference = side(baseline) if baseline is not None else None
    page = compose(made, reference, history, Names.of(made.results, knowledge), gated)
    texts: dict[str, str] = {}
    for name in formats:
        own = _MADE.get(name)
        texts |= {file: write(page) for file, write in own.items()} if own is not None else _data(made)
    return _written(texts, out_dir)


def side(baseline: Path | Material | Side) -> Side:
    """A baseline as a side of a comparison.

    Raises:
        UsageError: no such run, or nothing in it.
        RulebookError: a broken baseline file.
    """
    rubric = shipped_rubric()
    if isinstance(baseline, Path):
        return open_any(str(baseline), baseline.parent).side(rubric)
    if isinstance(baseline, Material):
        return side_of(baseline.summary.run, baseline.results, rubric.entry.pass_)
    return baseline


def _data(made: Material) -> dict[str, str]:
    lines = (labelled(one).model_dump_json(by_alias=True) + "\n" for one in made.results)
    return {SUMMARY: made.summary.model_dump_json(indent=1) + "\n", RESULTS: "".join(lines)}


def labelled(result: CaseResult) -> CaseResult:
    """A result as it leaves the house: what an AI wrote says so."""
    if result.draft is None:
        return result
    return result.model_copy(update={"aigc": implicit(result.draft.id)})


def _written(texts: dict[str, str], out_dir: Path) -> list[Path]:
    paths = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            path = out_dir / name
            if name in (SUMMARY, RESULTS) and path.exists() and (out_dir / "run.json").exists():
                paths.append(path)  # the run's own folder: what it left is not written over
                continue
            write_whole(path, text)
            paths.append(path)
    except OSError as error:
        raise EnvironmentProblem("report_unwritable", path=out_dir, reason=error.strerror) from None
    return paths
