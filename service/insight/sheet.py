"""Analytics as a table for a spreadsheet: one row a group, no cell a program would take for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from evals.report.inert import cell
from service.insight.words import section, word
from service.schemas.analytics import Analytics, Group, Question, Rate

BOM = "﻿"
"""Spreadsheet programs take a file that begins with it for UTF-8."""
_BARE = 11
"""Columns between the number of drafts and the remark."""


def as_csv(found: Analytics) -> str:
    """The whole answer; the last line says what it is and what it counts."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in _rows(found):
        writer.writerow([cell(one) for one in row])
    return BOM + text.getvalue()


def _rows(found: Analytics) -> Iterator[list[object]]:
    yield list(section("csv")["columns"])
    yield _group(word("csv", "total"), found.total)
    yield _group(word("csv", "before"), found.before)
    for kind, groups in found.by.items():
        yield from (_group(word("by", kind), one) for one in groups)
    for row in found.causes:
        goods = " ".join(filter(None, (row.category, row.product)))
        said = word(
            "csv",
            "cause",
            demand=row.demand_name,
            cause=row.cause_name,
            unreasonable=row.unreasonable,
            overdue=row.overdue,
            threats=row.threats,
            before=row.before,
        )
        yield _bare(word("csv", "causes"), "", goods, row.drafts, said)
    for step in found.steps:
        said = word("csv", "fate", kept=step.kept, changed=step.changed, dropped=step.dropped)
        yield _bare(word("csv", "steps"), step.step, step.name, step.kept + step.changed + step.dropped, said)
    for part, counted in (("overridden", found.overridden), ("asked_facts", found.unanswered.asked_facts)):
        yield from (_bare(word("csv", part), one.key, one.name, one.times, "") for one in counted)
    yield from (_question("questions", one) for one in found.unanswered.questions)
    for name, times in found.turned.model_dump().items():
        yield _bare(word("csv", "turned"), name, word("csv", name), times, "")
    yield [word("csv", "note", small=found.small)]


def _group(part: str, one: Group) -> list[object]:
    rates = [_share(one.told), *_bounds(one.adopted), _share(one.edited), _share(one.rejected)]
    states = [one.counts.get(state, 0) for state in ("adopted", "edited", "rejected")]
    ratio = "" if one.edit_ratio is None else one.edit_ratio
    return [part, one.key or "", one.name, one.drafts, one.superseded, one.feedback, *states, *rates, ratio, ""]


def _bare(part: str, key: str, name: str, times: int, said: str) -> list[object]:
    return [part, key, name, times, *[""] * _BARE, "", said]


def _question(part: str, one: Question) -> list[object]:
    return _bare(word("csv", part), " ".join(one.drafts), one.excerpt, one.times, "、".join(one.scenarios))


def _share(rate: Rate | None) -> object:
    return "" if rate is None else round(rate.value, 4)


def _bounds(rate: Rate | None) -> list[object]:
    return ["", "", ""] if rate is None else [round(one, 4) for one in (rate.value, rate.low, rate.high)]
