"""The checks' findings, one score a category; every one is looked for again in the reply."""

from __future__ import annotations

from collections.abc import Iterator

from evals.playing import Played
from evals.results import Mark, Score
from evals.scorers.made import made
from evals.sight import Sight
from service.schemas import Category, Finding

SCORED: dict[Category, str] = {
    "demeaning": "demeaning",
    "vague": "vague",
    "blame_shifting": "blame_shifting",
    "over_apology": "over_apology",
    "unauthorized_promise": "unauthorized_promise",
    "flat_refusal": "flat_refusal",
    "law": "law",
    "red_line": "red_line",
    "privacy": "privacy",
    "leak": "leak",
    "grounding": "grounding",
    "method": "step_job",
    "length": "length",
}
"""Category of findings → scorer."""


def categories(played: Played, sight: Sight) -> Iterator[Score]:
    """Every category of findings; what must be changed before sending fails it, warnings only where so told."""
    if played.draft is None or not played.draft.steps:
        return
    found: dict[str, list[Finding]] = {scorer: [] for scorer in SCORED.values()}
    strict = sight.rubric.entry.strict
    for finding in sight.findings(played.draft, played.inquiry):
        if finding.severity == "block" or finding.rule in strict:
            found[SCORED[finding.category]].append(finding)
    for scorer, findings in found.items():
        first = findings[0] if findings else None
        marks = [Mark(start=one.start, end=one.end, why=one.reason) for one in findings]
        reason = first.reason if first else ""
        yield made(sight, scorer, first is None, reason, step=first.step if first else None, marks=marks)
