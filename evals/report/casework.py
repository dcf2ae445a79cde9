"""One case as a report shows it: the reply with its marks, the scores, what changed since the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evals.report.against import Against, Before, Since
from evals.report.marking import Bubble, Note, bubbles
from evals.results import CaseResult, Score
from evals.rubric import shipped_rubric
from evals.standing import CaseStanding, stand
from service.schemas import Draft

State = Literal["veto", "error", "failed", "unscored", "passed"]
_ORDER: dict[State, int] = {"veto": 0, "error": 1, "failed": 2, "unscored": 3, "passed": 4}


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


def arrange(results: Sequence[CaseResult], known: Mapping[str, Sequence[str]], against: Against | None) -> list[Case]:
    """All cases in the order they are read: vetoes, what newly fails, the lowest points; then those that passed."""
    made = [(against.since(one.case) if against else "", one) for one in results]
    made.sort(key=lambda one: _rank(one[1], one[0]))
    stood = _standings(results) if against else {}
    cases = []
    for number, (since, result) in enumerate(made, 1):
        before = against.before(result, stood[result.case]) if against else None
        cases.append(_case(number, result, since, known.get(result.case, []), before))
    return cases


def _standings(results: Sequence[CaseResult]) -> dict[str, CaseStanding]:
    by_case: dict[str, list[CaseResult]] = {}
    for one in results:
        by_case.setdefault(one.case, []).append(one)
    pass_mark = shipped_rubric().entry.pass_
    return {case: stand(some, pass_mark) for case, some in by_case.items()}


def _rank(result: CaseResult, since: Since) -> tuple[object, ...]:
    points = -1.0 if result.points is None else result.points
    return (_ORDER[state_of(result)], since != "broken", points, result.case, result.repeat)


def _case(number: int, result: CaseResult, since: Since, known: Sequence[str], before: Before | None) -> Case:
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
        before=before,
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
