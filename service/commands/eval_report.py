"""``youli eval report``: a run's reports as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from service.commands.inputs import shown
from service.commands.words import word
from service.settings import read_settings

Wanted = Literal["html", "junit", "csv", "markdown", "json", "all"]


def run_report(run: str, out: str | None, wanted: Wanted, baseline: str | None, as_json: bool) -> int:
    """Write a run's reports and say where they are; into the run's own folder unless told otherwise.

    Raises:
        UsageError: no such run, or a file of it that cannot be read.
        RulebookError: a broken baseline.
        EnvironmentProblem: the reports cannot be written there.
    """
    from evals.report.material import earlier_runs
    from evals.report.reference import named_reference, usual_reference
    from evals.report.writing import FORMATS, write_report
    from evals.runs import find_run, read_info

    settings = read_settings()
    folder = find_run(run, settings.data_dir)
    info = read_info(folder)
    history = earlier_runs(info, settings.data_dir)
    if baseline is None:
        before = usual_reference(info, settings.data_dir, history)
    else:
        before = named_reference(baseline, settings.data_dir)
    paths = write_report(
        folder,
        Path(out) if out else folder,
        before,
        history,
        FORMATS if wanted == "all" else (wanted,),
        settings.knowledge_dir,
    )
    if as_json:
        print(json.dumps({"run": folder.name, "files": [str(path) for path in paths]}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(word("eval", "report_file", path=shown(str(path))) for path in paths))
    return 0
