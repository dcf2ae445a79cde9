"""May this be released? What stands against it, in sentences; nothing here looks at a reply.

A run is held against the baseline, or against another run. Vetoes and breaches count as they are; points and rates
count where they fall beyond noise. A judge counts only by criteria that are calibrated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import Field

from evals.comparing import compare
from evals.comparison import Comparison, Moved
from evals.rubric import Rubric
from evals.standing import CaseStanding, Side, Standing, scorer_of
from evals.statistics import Estimate, holm, mcnemar
from evals.words import listed, word
from service.schemas.base import Out

Kind = Literal[
    "unfinished",
    "breach",
    "veto",
    "errors",
    "missing",
    "renew",
    "points",
    "passed",
    "lost",
    "failures",
    "replaced",
    "judged",
    "note",
]


class Reason(Out):
    """One thing that stands against a release, or was not looked at."""

    kind: Kind
    text: str
    """Chinese."""
    cases: list[str] = Field(default_factory=list)

    def __str__(self) -> str:
        return self.text


class Gated(Out):
    """What the gate says."""

    passed: bool
    reasons: list[Reason] = Field(default_factory=list)
    """Why not; empty when passed."""
    notes: list[Reason] = Field(default_factory=list)
    """What was not compared, and why."""
    comparison: Comparison


def gate(
    run: Side,
    reference: Side,
    rubric: Rubric,
    *,
    known: Collection[str] = (),
    uncalibrated: Collection[str] | None = None,
) -> Gated:
    """Whether a run may be released.

    Args:
        run: what wants to go out.
        reference: the baseline, or the run it is to be held against.
        rubric: names, and what is never accepted.
        known: ids of the cases known not to be right yet; a veto they already had in the reference is let through.
        uncalibrated: scorers whose judge does not agree with people well enough to count; None: all a judge scored.
    """
    judged = _judge_scorers(run.standing, reference.standing)
    mute = judged if uncalibrated is None else judged & set(uncalibrated)
    found = compare(reference, run, mute)
    reasons = [
        *_unfinished(run.standing),
        *_breaches(run.standing, rubric, mute),
        *_vetoes(run.standing, reference.standing, rubric, known, mute),
        *_errors(run.standing, reference.standing),
        *_missing(run.standing, found),
        *_drops(found, run.standing, reference.standing),
        *_judges(found, rubric, mute),
    ]
    if found.paired * 100 < rubric.entry.gate.comparable * len(run.standing.cases):
        counts = {"paired": found.paired, "cases": len(run.standing.cases)}
        reasons.append(Reason(kind="renew", text=word("gate", "renew", **counts)))
    notes = list(_notes(found, run, reference, rubric, mute))
    return Gated(passed=not reasons, reasons=reasons, notes=notes, comparison=found)


def _judge_scorers(*sides: Standing) -> set[str]:
    return {name for side in sides for one in side.cases.values() if one.judged for name in one.judged.scored}


def _name(rubric: Rubric, scorer: str) -> str:
    entry = rubric.entry.scorers.get(scorer)
    return entry.name if entry else scorer


def _counting(one: CaseStanding, mute: Collection[str], *, vetoes: bool) -> set[str]:
    """The scorers that failed, or vetoed, in a case and may count."""
    ruled = {scorer_of(key) for key in (one.vetoed if vetoes else one.failed)}
    keys = (one.judged.vetoed if vetoes else one.judged.failed) if one.judged else []
    return ruled | ({scorer_of(key) for key in keys} - set(mute))


def _unfinished(run: Standing) -> Iterable[Reason]:
    if run.state != "done" or run.results < run.total:
        yield Reason(kind="unfinished", text=word("gate", "unfinished", results=run.results, total=run.total))


def _breaches(run: Standing, rubric: Rubric, mute: Collection[str]) -> Iterable[Reason]:
    for scorer in rubric.entry.never_accepted:
        cases = [case for case, one in sorted(run.cases.items()) if scorer in _counting(one, mute, vetoes=False)]
        if cases:
            told = {"name": _name(rubric, scorer), "count": len(cases), "cases": listed(cases)}
            yield Reason(kind="breach", text=word("gate", "breach", **told), cases=cases)


def _vetoes(
    run: Standing, reference: Standing, rubric: Rubric, known: Collection[str], mute: Collection[str]
) -> Iterable[Reason]:
    """Every veto but those the reference already had in the same case, known not to be right yet."""
    found: dict[str, list[str]] = {}
    for case, one in sorted(run.cases.items()):
        before = reference.cases.get(case)
        borne = before is not None and before.digest == one.digest and case in known
        allowed = _counting(before, mute, vetoes=True) if before is not None and borne else set()
        for scorer in sorted(_counting(one, mute, vetoes=True) - allowed - set(rubric.entry.never_accepted)):
            found.setdefault(scorer, []).append(case)
    for scorer, cases in found.items():
        told = {"name": _name(rubric, scorer), "count": len(cases), "cases": listed(cases)}
        yield Reason(kind="veto", text=word("gate", "veto", **told), cases=cases)


def _errors(run: Standing, reference: Standing) -> Iterable[Reason]:
    fresh = []
    for case, one in sorted(run.cases.items()):
        before = reference.cases.get(case)
        if one.errors and not (before and before.errors):
            fresh.append(case)
    if fresh:
        yield Reason(kind="errors", text=word("gate", "errors", count=len(fresh), cases=listed(fresh)), cases=fresh)


def _missing(run: Standing, found: Comparison) -> Iterable[Reason]:
    if found.removed and not run.only:
        told = {"count": len(found.removed), "cases": listed(found.removed)}
        yield Reason(kind="missing", text=word("gate", "missing", **told), cases=found.removed)


def _drops(found: Comparison, run: Standing, reference: Standing) -> Iterable[Reason]:
    worse = [one.case for one in found.regressions]
    lost = found.passed.lost
    if _down(found.points):
        yield Reason(kind="points", text=_told("points", found.points), cases=worse)
    if _down(found.passed):
        yield Reason(kind="passed", text=_told("passed", found.passed, 100), cases=lost)
    if lost and run.certain and reference.certain:
        told = {"count": len(lost), "cases": listed(lost)}
        yield Reason(kind="lost", text=word("gate", "lost", **told), cases=lost)
    if not found.same_rubric and found.failures.difference is not None and found.failures.difference.rises:
        more = [one.case for one in found.regressions if "fails_more" in one.turns]
        yield Reason(kind="failures", text=_told("failures", found.failures), cases=more)
    if found.replaced.difference is not None and found.replaced.difference.rises:
        more = [case for case, one in sorted(run.cases.items()) if _stood_in(one, reference.cases.get(case))]
        yield Reason(kind="replaced", text=_told("replaced", found.replaced, 100), cases=more)


def _stood_in(now: CaseStanding, before: CaseStanding | None) -> bool:
    return before is not None and before.digest == now.digest and now.replaced > before.replaced


def _judges(found: Comparison, rubric: Rubric, mute: Collection[str]) -> Iterable[Reason]:
    """What a calibrated judge saw fall; of many criteria looked at, one falls by chance, so they are held together."""
    if any(one.what == "judge" for one in found.differs):
        return
    judged = {name: moved for name, moved in found.scorers.items() if moved.by == "judge" and name not in mute}
    turned = {name: mcnemar(len(moved.fails_now), len(moved.fails_no_more)) for name, moved in judged.items()}
    sure = holm(turned)
    for scorer, moved in judged.items():
        if scorer in sure and _down(moved):
            text = _told("judged", moved, 100, name=_name(rubric, scorer))
            yield Reason(kind="judged", text=text, cases=moved.fails_now)


def _down(moved: Moved) -> bool:
    return moved.difference is not None and moved.difference.falls


def _told(sentence: str, moved: Moved, times: float = 1, /, **more: object) -> str:
    """A number that moved, with its interval, in a sentence."""
    difference = moved.difference or Estimate(value=0, low=0, high=0, n=0)
    shown = {
        "before": f"{times * (moved.before or 0):.1f}",
        "after": f"{times * (moved.after or 0):.1f}",
        "by": f"{times * difference.value:+.2f}",
        "low": f"{times * difference.low:+.2f}",
        "high": f"{times * difference.high:+.2f}",
        "n": difference.n,
    }
    return word("gate", sentence, **shown, **more)


def _notes(found: Comparison, run: Side, reference: Side, rubric: Rubric, mute: Collection[str]) -> Iterable[Reason]:
    if not found.same_rubric:
        yield Reason(kind="note", text=word("gate", "other_rubric"))
    if any(one.what == "judge" for one in found.differs):
        yield Reason(kind="note", text=word("gate", "other_judge"))
    if found.changed:
        text = word("gate", "changed", count=len(found.changed), cases=listed(found.changed))
        yield Reason(kind="note", text=text, cases=found.changed)
    if found.added:
        text = word("gate", "added", count=len(found.added), cases=listed(found.added))
        yield Reason(kind="note", text=text, cases=found.added)
    if run.standing.only:
        yield Reason(kind="note", text=word("gate", "only", only=listed(run.standing.only)))
    if mute:
        names = listed([_name(rubric, scorer) for scorer in sorted(mute)])
        yield Reason(kind="note", text=word("gate", "uncalibrated", names=names))
    for warning in (*reference.warnings, *run.warnings):
        yield Reason(kind="note", text=warning)
