"""``youli eval list``: the runs of the data folder."""

from __future__ import annotations

import json

from service.commands.words import printable, word
from service.settings import read_settings


def run_list(as_json: bool) -> int:
    """List the runs, newest first."""
    from evals.runs import all_runs, read_summary, runs_dir

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
    return 0
