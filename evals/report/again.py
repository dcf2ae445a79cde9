"""A run's page written again, after people have spoken or live drafts were added.

``python -m evals.report.again RUN_FOLDER DATA_DIR KNOWLEDGE_DIR`` does it in a process of its own.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from evals.report.material import earlier_runs
from evals.report.reference import usual_reference
from evals.report.writing import write_report
from evals.review_log import locked
from evals.runs import SUMMARY, read_info, read_results
from evals.summing import summarize
from evals.whole import write_whole
from service.errors import YouliError
from service.settings import HOME

PAGE, PAGE_LOCK = "report.html", "page.lock"


def rewrite(folder: Path, data_dir: Path, knowledge: Path = HOME / "knowledge") -> Path | None:
    """Write the page in a run's folder anew, compared as before; None where it never had one and is no live run.

    A live run is summed up first: it has grown.

    Raises:
        UsageError: the run cannot be read.
        RulebookError: the accepted baseline is broken.
        EnvironmentProblem: ``report_unwritable``.
    """
    with locked(folder, ".live.lock") if read_info(folder).kind == "live" else nullcontext():
        # results that are taken out of a live run meanwhile must not come back as a page: who takes them out waits
        return _rewritten(folder, data_dir, knowledge)


def _rewritten(folder: Path, data_dir: Path, knowledge: Path) -> Path | None:
    info = read_info(folder)
    if info.kind == "live":
        summary = summarize(info, read_results(folder)[0])
        write_whole(folder / SUMMARY, summary.model_dump_json(indent=1))
    elif not (folder / PAGE).is_file():
        return None
    history = earlier_runs(info, data_dir)
    before = usual_reference(info, data_dir, history)
    return write_report(folder, folder, before, history, ["html"], knowledge)[0]


def main(arguments: Sequence[str]) -> int:
    """Write one page; what goes wrong leaves the old one."""
    folder, data_dir, knowledge = map(Path, arguments)
    try:
        with (folder / PAGE_LOCK).open("ab") as lock:  # the one that began later has seen more: it writes last
            fcntl.flock(lock, fcntl.LOCK_EX)
            rewrite(folder, data_dir, knowledge)
    except YouliError as error:
        print(error.detail, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
