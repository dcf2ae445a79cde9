"""A run's page written again, after people have spoken or live drafts were added."""

from __future__ import annotations

from pathlib import Path

from evals.report.material import earlier_runs
from evals.report.reference import usual_reference
from evals.report.writing import write_report
from evals.runs import read_info
from service.settings import HOME

PAGE = "report.html"


def rewrite(folder: Path, data_dir: Path, knowledge: Path = HOME / "knowledge") -> Path | None:
    """Write the page in a run's folder anew, compared as before; None where it never had one and is no live run.

    Raises:
        UsageError: the run cannot be read.
        RulebookError: the accepted baseline is broken.
        EnvironmentProblem: ``report_unwritable``.
    """
    info = read_info(folder)
    if info.kind != "live" and not (folder / PAGE).is_file():
        return None
    history = earlier_runs(info, data_dir)
    before = usual_reference(info, data_dir, history)
    return write_report(folder, folder, before, history, ["html"], knowledge)[0]
