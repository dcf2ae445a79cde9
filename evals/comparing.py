"""Two runs side by side, or a run and the baseline: what they were made with, and what that did to each case.

Only cases of the same digest are paired; the others are listed. Where the rubric differs points mean different things:
then only which scorers fail is compared, of those both rubrics have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from evals.comparison import WORSE, CaseChange, Comparison, Differing, Made, Moved, PassMoved, ScorerMoved, Turn
from evals.results import CaseResult, Digests
from evals.standing import CaseStanding, Marks, Side, Standing, key_of, scorer_of
from evals.statistics import mcnemar, paired

LEAST = 0.01
"""A difference of points below this is rounding."""


def compare(before: Side, after: Side, uncounted: Collection[str] = ()) -> Comparison:
    """Put two sides next to each other.

    Args:
        before: the older run, or the baseline.
        after: the newer run.
        uncounted: scorers of a judge that may not count (not calibrated); with one of them in play, no judge's do.
    """
    old, new = before.standing, after.standing
    both = old.cases.keys() & new.cases.keys()
    same = sorted(case for case in both if old.cases[case].digest == new.cases[case].digest)
    judge = _judge_counts(old, new, same, uncounted)
    pairs = {case: (old.cases[case], new.cases[case]) for case in same}
    counted = {case: (one.counted(judge), other.counted(judge)) for case, (one, other) in pairs.items()}
    same_rubric = old.digests.rubric == new.digests.rubric
    known = set(old.scorers) & set(new.scorers) if not same_rubric else None
    changes = _changes(before, after, counted, pairs, known, points=same_rubric)
    return Comparison(
        before=_made(old),
        after=_made(new),
        differs=list(_differs(old, new)),
        paired=len(same),
        added=sorted(new.cases.keys() - both),
        removed=sorted(old.cases.keys() - both),
        changed=sorted(both - set(same)),
        same_rubric=same_rubric,
        judged=judge,
        points=_points(counted) if same_rubric else Moved(),
        passed=_passed(counted) if same_rubric else PassMoved(),
        failures=_moved({case: tuple(len(_known(one.failed, known)) for one in two) for case, two in pairs.items()}),
        replaced=_moved({case: (one.replaced, other.replaced) for case, (one, other) in pairs.items()}),
        errors=_moved({case: (one.errors, other.errors) for case, (one, other) in pairs.items()}),
        scorers=dict(_scorers(pairs, known)),
        regressions=[one for one in changes if WORSE & set(one.turns)],
        improvements=[one for one in changes if one.turns and not WORSE & set(one.turns)],
        moved=[one for one in changes if not one.turns],
        reworded=_reworded(before, after, same),
    )


Pairs = Mapping[str, tuple[CaseStanding, CaseStanding]]
Counted = Mapping[str, tuple[Marks, Marks]]


def _judge_counts(old: Standing, new: Standing, same: Iterable[str], uncounted: Collection[str]) -> bool:
    """Whether the judge's scores may be counted: the same judge on both sides, and all it scored with is calibrated."""
    used = {name for one in (old, new) for case in same if (found := one.cases[case].judged) for name in found.scored}
    return bool(used) and old.digests.judge == new.digests.judge and not used & set(uncounted)


def _made(side: Standing) -> Made:
    given = side.model_dump(include={"kind", "id", "label", "at", "writer", "target", "repeats"})
    return Made(cases=len(side.cases), **given)


def _differs(old: Standing, new: Standing) -> Iterable[Differing]:
    for name in Digests.model_fields:
        one, other = getattr(old.digests, name), getattr(new.digests, name)
        if one != other:
            yield Differing(what=name, before=one, after=other)
    for name in ("writer", "target", "shop", "repeats"):
        one, other = str(getattr(old, name)), str(getattr(new, name))
        if one != other:
            yield Differing(what=name, before=one, after=other)


def _moved(pairs: Mapping[str, tuple[float, ...]]) -> Moved:
    if not pairs:
        return Moved()
    before, after = ({case: float(two[side]) for case, two in pairs.items()} for side in (0, 1))
    means = [round(sum(some.values()) / len(some), 4) for some in (before, after)]
    return Moved(before=means[0], after=means[1], difference=paired(before, after))


def _points(counted: Counted) -> Moved:
    points = {case: (one.points, other.points) for case, (one, other) in counted.items()}
    return _moved({case: (a, b) for case, (a, b) in points.items() if a is not None and b is not None})


def _passed(counted: Counted) -> PassMoved:
    moved = _moved({case: (one.passed, other.passed) for case, (one, other) in counted.items()})
    lost = [case for case, (one, other) in counted.items() if one.passed == 1 > other.passed]
    won = [case for case, (one, other) in counted.items() if one.passed < 1 == other.passed]
    return PassMoved(**dict(moved), lost=lost, won=won, chance=mcnemar(len(lost), len(won)))


def _known(keys: Iterable[str], known: Collection[str] | None) -> list[str]:
    """The failed scorers both sides could have failed."""
    return [key for key in keys if known is None or scorer_of(key) in known]


def _scorers(pairs: Pairs, known: Collection[str] | None) -> Iterable[tuple[str, ScorerMoved]]:
    """Each scorer that failed on either side; a judge's over the cases it scored on both."""
    ruled = {
        case: ({scorer_of(key) for key in _known(one.failed, known)} for one in two) for case, two in pairs.items()
    }
    yield from _failing({case: (next(two), next(two)) for case, two in ruled.items()}, "rule")
    judged = {case: (one.judged, other.judged) for case, (one, other) in pairs.items()}
    names = {name for two in judged.values() for one in two if one for name in one.scored}
    for name in sorted(names):
        both = {
            case: tuple({name} & {scorer_of(key) for key in one.failed} for one in two if one and name in one.scored)
            for case, two in judged.items()
        }
        yield from _failing({case: (two[0], two[1]) for case, two in both.items() if len(two) == 2}, "judge")


def _failing(
    pairs: Mapping[str, tuple[set[str], set[str]]], by: Literal["rule", "judge"]
) -> Iterable[tuple[str, ScorerMoved]]:
    for name in sorted({name for two in pairs.values() for one in two for name in one}):
        moved = _moved({case: (name not in one, name not in other) for case, (one, other) in pairs.items()})
        fails = [case for case, (one, other) in pairs.items() if name in other - one]
        mended = [case for case, (one, other) in pairs.items() if name in one - other]
        yield name, ScorerMoved(**dict(moved), by=by, fails_now=fails, fails_no_more=mended)


def _changes(
    before: Side, after: Side, counted: Counted, pairs: Pairs, known: Collection[str] | None, *, points: bool
) -> list[CaseChange]:
    """Every paired case that came out otherwise, those that lost most first."""
    found = []
    for case, (old, new) in pairs.items():
        failed = _failed(old, new, known, judge=before.standing.digests.judge == after.standing.digests.judge)
        expected = after.results[case].verdict if case in after.results else ""
        turns = [*_turns(*counted[case], points), *_fails(failed), *_verdicts(old, new, expected)]
        if not turns and (old.verdict, old.boundary, old.errors) == (new.verdict, new.boundary, new.errors):
            continue
        mine = after.results.get(case)
        change = CaseChange(
            case=case,
            name=mine.name if mine else "",
            expected=expected,
            turns=turns,
            before=old,
            after=new,
            points=(counted[case][0].points, counted[case][1].points),
            new_failed=sorted(failed[1] - failed[0]),
            mended=sorted(failed[0] - failed[1]),
            why={key_of(one): one.reason for one in mine.failed() if one.reason} if mine else {},
            reply_before=_reply(before.results.get(case)),
            reply_after=_reply(mine),
        )
        found.append(change)
    return sorted(found, key=lambda one: (_gained(one), one.case))


def _failed(old: CaseStanding, new: CaseStanding, known: Collection[str] | None, *, judge: bool) -> list[set[str]]:
    """What failed on each side; by the judge only where both sides asked the same one."""
    both = judge and old.judged is not None and new.judged is not None
    every = [[*one.failed, *(one.judged.failed if both and one.judged else ())] for one in (old, new)]
    return [set(_known(keys, known)) for keys in every]


def _turns(old: Marks, new: Marks, comparable: bool) -> Iterable[Turn]:
    if not comparable:
        return
    if old.passed != new.passed:
        yield "failed_now" if new.passed < old.passed else "passes_now"
    if old.points is not None and new.points is not None and abs(old.points - new.points) >= LEAST:
        yield "points_down" if new.points < old.points else "points_up"


def _fails(failed: list[set[str]]) -> Iterable[Turn]:
    before, after = failed
    if after - before:
        yield "fails_more"
    if before - after:
        yield "fails_less"


def _verdicts(old: CaseStanding, new: CaseStanding, expected: str) -> Iterable[Turn]:
    if old.verdict != new.verdict and expected in (old.verdict, new.verdict):
        yield "verdict" if old.verdict == expected else "right_now"


def _gained(change: CaseChange) -> float:
    before, after = change.points
    return (after or 0) - (before or 0)


def _reply(result: CaseResult | None) -> str | None:
    return result.draft.reply if result is not None and result.draft is not None else None


def _reworded(before: Side, after: Side, same: Iterable[str]) -> int:
    replies = ((_reply(before.results.get(case)), _reply(after.results.get(case))) for case in same)
    return sum(one is not None and other is not None and one != other for one, other in replies)
