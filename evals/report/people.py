"""What people said about a run's scores, for its report: what they changed, what waits, what the numbers are then.

The report's own numbers stay the machine's, those the gate goes by; people's stand beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evals.agreement import Agreement, agreement
from evals.report.casework import Case
from evals.results import CaseResult, Rate, RunInfo, Score
from evals.review_items import Reviewed
from evals.reviews import Key, Review, Standing, key_of, person, reviewed, seen, standings
from evals.rubric import shipped_rubric
from evals.summing import summarize


@dataclass(frozen=True)
class Spoken:
    """A score people spoke of: what the machine said, what it is now, and the last word with its reason."""

    case: Case
    score: Score
    now: str
    reviews: tuple[Review, ...]
    """What made it so, or the appeals that wait."""
    referred: str = ""
    """To whom the appeals were passed on, and why."""


@dataclass(frozen=True)
class People:
    """People's words about a run."""

    reviews: int
    reviewers: int
    points: float | None
    passed: Rate
    changed: tuple[Spoken, ...]
    waiting: tuple[Spoken, ...]
    agreement: Agreement
    """How far the scorers and blind reviewers agree."""


def people_of(
    info: RunInfo, results: Sequence[CaseResult], cases: Sequence[Case], reviews: Sequence[Review]
) -> People | None:
    """What people said; None where nobody has.

    Args:
        info: the run.
        results: what it left.
        cases: the same, as shown.
        reviews: in the order they were given.
    """
    if not reviews:
        return None
    after = reviewed(results, reviews, shipped_rubric().entry.pass_)
    numbers = summarize(info, after)
    shown = {(case.result.case, case.result.repeat): case for case in cases}
    digests = {(one.case, one.repeat): seen(one) for one in results}
    said = standings(one for one in reviews if one.seen in ("", digests.get((one.case, one.repeat))))
    changed, waiting = [], []
    for old, new in zip(results, after, strict=True):
        for machine, person_ in zip(old.scores, new.scores, strict=True):
            standing = said.get(key_of(old, machine))
            if standing is None:
                continue
            case = shown[old.case, old.repeat]
            if person_.status != machine.status:
                changed.append(Spoken(case, machine, person_.status, _spoken(standing)))
            if standing.appeals():
                appeals = tuple(standing.appeals())
                waiting.append(Spoken(case, machine, person_.status, appeals, standing.passed_on()))
    return People(
        reviews=len({(one.key, one.lane, person(one.reviewer)) for one in reviews}),
        reviewers=len({person(one.reviewer) for one in reviews}),
        points=numbers.points,
        passed=numbers.passed,
        changed=_in_order(changed),
        waiting=_in_order(waiting),
        agreement=agreement([Reviewed(info, results, reviews)], shipped_rubric()),
    )


def _spoken(standing: Standing) -> tuple[Review, ...]:
    last = standing.last()
    return (last,) if last is not None else tuple(standing.blind.values())


def _in_order(spoken: Sequence[Spoken]) -> tuple[Spoken, ...]:
    found: dict[Key, Spoken] = {}
    for one in spoken:
        found.setdefault(key_of(one.case.result, one.score), one)
    return tuple(sorted(found.values(), key=lambda one: (one.case.number, one.score.scorer, one.score.criterion)))
