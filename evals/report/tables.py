"""CSV for spreadsheets: UTF-8 with a byte order mark, and no cell that a spreadsheet would calculate."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from evals.report.casework import Case
from evals.report.inert import cell
from evals.report.names import Names, phrase, words
from evals.report.page import Page
from evals.results import Score
from service.labelling import metadata, short

_RESULT = (
    *("case", "repeat", "name", "scenario", "verdict", "drafted", "threat", "tags", "points", "state", "since"),
    *("failed", "unscored", "inquiry", "reply", "error", "seconds", "calls", "label", "aigc"),
)
"""Columns, in order; their heads are in the word file."""
_SCORE = ("case", "repeat", "name", "scorer", "criterion", "status", "by", "weight", "veto", "step", "reason")
_BOM = "\ufeff"


def results_csv(page: Page) -> str:
    """A row for each result."""
    return _written(_RESULT, (_result(case, page.names) for case in _in_order(page)))


def scores_csv(page: Page) -> str:
    """A row for each score of each result."""
    scores = ((case, score) for case in _in_order(page) for score in case.result.scores)
    return _written(_SCORE, (_score(case, score, page.names) for case, score in scores))


def _score(case: Case, score: Score, names: Names) -> list[object]:
    return [
        case.result.case,
        case.result.repeat,
        case.result.name,
        names.scorer(score.scorer),
        score.criterion,
        names.value("status", score.status),
        names.value("by", score.by),
        score.weight,
        names.value("bool", str(score.veto)),
        names.value("step", score.step) if score.step else "",
        score.reason,
    ]


def _result(case: Case, names: Names) -> list[object]:
    one = case.result
    draft = one.draft
    comma = phrase("list", "comma")
    return [
        one.case,
        one.repeat,
        one.name,
        names.scenario(one.scenario),
        names.value("verdict", one.verdict),
        names.value("verdict", draft.verdict) if draft else "",
        names.value("threat", one.threat),
        comma.join(one.tags),
        "" if one.points is None else round(one.points, 1),
        names.value("state", case.state),
        names.value("since", case.since) if case.since else "",
        comma.join(dict.fromkeys(names.scorer(shown.score.scorer) for shown in case.failed)),
        comma.join(dict.fromkeys(names.scorer(score.scorer) for score in case.unscored)),
        one.inquiry.messages[-1].content,
        draft.reply if draft else "",
        names.error(one.error) if one.error else "",
        round(one.seconds, 3),
        one.calls,
        short() if draft else "",
        metadata(draft.id) if draft else "",
    ]


def _in_order(page: Page) -> list[Case]:
    return sorted(page.cases, key=lambda case: (case.result.case, case.result.repeat))


def _written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    heads = words("csv")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([heads[name] for name in columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return _BOM + out.getvalue()
