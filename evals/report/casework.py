"""One case as a report shows it: the reply with its marks, the scores, what changed since the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evals.report.marking import Bubble, Difference, Note, bubbles, differences
from evals.results import CaseResult, Score
from service.schemas import Draft

State = Literal["veto", "error", "failed", "unscored", "passed"]
Since = Literal["", "added", "broken", "mended", "same"]
_ORDER: dict[State, int] = {"veto": 0, "error": 1, "failed": 2, "unscored": 3, "passed": 4}


@dataclass(frozen=True)
class Before:
    """What the baseline made of the same case."""

    result: CaseResult
    differences: tuple[Difference, ...]
    """Between the replies; empty where they are the same, or one of them is not there."""
    moved: tuple[tuple[Score, str], ...]
    """Scores whose status changed, with the old one."""


@dataclass(frozen=True)
class Shown:
    """A score that failed, and the numbers of its marks in the reply."""

    score: Score
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Case:
    """A result as shown; ``number`` is its anchor."""

    number: int
    result: CaseResult
    state: State
    since: Since
    known: tuple[str, ...] = ()
    bubbles: tuple[Bubble, ...] = ()
    notes: tuple[Note, ...] = ()
    failed: tuple[Shown, ...] = ()
    unscored: tuple[Score, ...] = ()
    passed: tuple[Score, ...] = ()
    before: Before | None = field(default=None, repr=False)

    @property
    def full(self) -> bool:
        """Whether it is shown whole; cases that passed are listed."""
        return self.state != "passed"

    @property
    def fresh(self) -> bool:
        """Whether it is new that it does not pass."""
        return self.since == "broken"


def state_of(result: CaseResult) -> State:
    """What became of a case, the gravest first."""
    if result.vetoed:
        return "veto"
    if result.passed:
        return "passed"
    if result.draft is None or result.error is not None:
        return "error"
    return "unscored" if result.points is None else "failed"


def arrange(
    results: Iterable[CaseResult], known: dict[str, list[str]], baseline: dict[tuple[str, int], CaseResult] | None
) -> list[Case]:
    """All cases in the order they are read: vetoes, what newly fails, the lowest points; then those that passed."""
    made = []
    for result in results:
        old = (baseline or {}).get((result.case, result.repeat))
        made.append((_since(result, old, baseline is not None), result, old))
    made.sort(key=lambda one: _rank(one[1], one[0]))
    return [_case(n, result, since, known.get(result.case, []), old) for n, (since, result, old) in enumerate(made, 1)]


def _rank(result: CaseResult, since: Since) -> tuple[object, ...]:
    points = -1.0 if result.points is None else result.points
    return (_ORDER[state_of(result)], since != "broken", points, result.case, result.repeat)


def _since(result: CaseResult, old: CaseResult | None, compared: bool) -> Since:
    if not compared:
        return ""
    if old is None:
        return "added"
    if old.passed == result.passed:
        return "same"
    return "mended" if result.passed else "broken"


def _case(number: int, result: CaseResult, since: Since, known: Sequence[str], old: CaseResult | None) -> Case:
    failed = result.failed()
    notes, shown = _notes(result.draft, failed)
    by_status = {status: tuple(s for s in result.scores if s.status == status) for status in ("unscored", "passed")}
    return Case(
        number=number,
        result=result,
        state=state_of(result),
        since=since,
        known=tuple(known),
        bubbles=bubbles(result.draft, notes) if result.draft else (),
        notes=tuple(notes),
        failed=tuple(shown),
        unscored=by_status["unscored"],
        passed=by_status["passed"],
        before=_before(result, old) if old is not None else None,
    )


def _notes(draft: Draft | None, failed: Sequence[Score]) -> tuple[list[Note], list[Shown]]:
    """Marks of the scores that failed, then what the checks found elsewhere, numbered as they stand in the reply."""
    places = [(mark.start, mark.end, mark.why, True) for score in failed for mark in score.marks]
    taken = {(start, end) for start, end, _, _ in places}
    for finding in draft.findings if draft else ():
        if (finding.start, finding.end) not in taken:
            places.append((finding.start, finding.end, finding.reason, finding.severity == "block"))
    ordered = sorted(set(places), key=lambda place: (place[0], place[1], place[2]))
    numbers = {place: n for n, place in enumerate(ordered, 1)}
    notes = [Note(n, start, end, why, grave) for (start, end, why, grave), n in numbers.items()]
    shown = [
        Shown(one, tuple(sorted({numbers[mark.start, mark.end, mark.why, True] for mark in one.marks})))
        for one in failed
    ]
    return notes, shown


def _before(result: CaseResult, old: CaseResult) -> Before:
    one, two = (made.draft.reply if made.draft else None for made in (old, result))
    cut = differences(one, two) if one is not None and two is not None and one != two else ()
    was = {(score.scorer, score.criterion): score.status for score in old.scores}
    moved = tuple(
        (score, was[score.scorer, score.criterion])
        for score in result.scores
        if was.get((score.scorer, score.criterion), score.status) != score.status
    )
    return Before(old, cut, moved)
