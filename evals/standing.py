"""What a run came to, by case, short enough to be kept and compared: of a run's results, or of the baseline.

What rules scored and what a judge scored stand apart: a judge may be missing, changed, or not calibrated, and none of
that may make two runs incomparable in what rules score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from evals.results import CaseResult, Digests, RunInfo, RunState, Score
from evals.scoring import points_of
from service.schemas import Draft
from service.schemas.base import Out


class Marks(Out):
    """What a case got. ``failed`` and ``vetoed`` name scorers; a criterion of the case as ``must:the sentence``."""

    points: Annotated[float, Field(ge=0, le=100)] | None = None
    """Mean over repeats."""
    passed: Annotated[float, Field(ge=0, le=1)] = 0
    """Share of the repeats that passed."""
    failed: list[str] = Field(default_factory=list)
    """In any repeat."""
    vetoed: list[str] = Field(default_factory=list)


class Judged(Marks):
    """The same with the judge's scores counted in. ``failed`` and ``vetoed`` are the judge's alone."""

    scored: list[str] = Field(default_factory=list)
    """The scorers by which the judge gave a score that counts."""


class CaseStanding(Marks):
    """A case by what rules score, and what was drafted for it."""

    digest: str = ""
    verdict: str = ""
    """Of the draft; empty without one. Of several repeats the most frequent."""
    boundary: str = ""
    errors: int = 0
    """Repeats that brought no draft."""
    replaced: float = 0
    """Share of the drafts wanted of a model in which the playbook had to stand in, for a step or for all."""
    judged: Judged | None = None

    def counted(self, judge: bool) -> Marks:
        """What counts: with the judge's scores where they are wanted and there are some."""
        return self.judged if judge and self.judged is not None else self


class Standing(Out):
    """A run or the baseline, as it is compared."""

    kind: Literal["run", "live", "baseline"] = "run"
    id: str = ""
    label: str = ""
    at: datetime
    """When it was started; a baseline: when it was accepted."""
    state: RunState = "done"
    writer: str = "playbook"
    target: str = ""
    shop: str = "default"
    repeats: int = 1
    only: list[str] = Field(default_factory=list)
    total: int = 0
    """Results it should have."""
    results: int = 0
    """Results it has."""
    certain: bool = False
    """True when no model wrote: played again, it comes out the same."""
    digests: Digests = Field(default_factory=Digests)
    scorers: list[str] = Field(default_factory=list)
    """Those the rubric had, by which it was scored."""
    cases: dict[str, CaseStanding] = Field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One side of a comparison. A baseline has standings alone."""

    standing: Standing
    results: dict[str, CaseResult] = field(default_factory=dict)
    """The first of each case."""
    warnings: list[str] = field(default_factory=list)
    """Chinese: what could not be read of it, or scored again."""


def side_of(info: RunInfo, results: Sequence[CaseResult], pass_mark: float, warnings: Sequence[str] = ()) -> Side:
    """A run as a side of a comparison.

    Args:
        info: the run.
        results: everything it left, in any order.
        pass_mark: points from which a case passes (``pass`` of the rubric).
        warnings: what could not be read.
    """
    by_case: dict[str, list[CaseResult]] = {}
    for result in sorted(results, key=lambda one: (one.case, one.repeat)):
        by_case.setdefault(result.case, []).append(result)
    drafts = [result.draft for result in results if result.draft is not None]
    standing = Standing(
        kind="live" if info.kind == "live" else "run",
        id=info.id,
        label=info.label,
        at=info.started_at,
        state=info.state,
        writer=info.writer,
        target=info.target,
        shop=info.shop,
        repeats=info.repeats,
        only=info.only,
        total=info.total,
        results=len(results),
        certain=bool(drafts) and not any(_by_model(draft) for draft in drafts),
        digests=info.digests,
        scorers=sorted({score.scorer for result in results for score in result.scores}),
        cases={case: stand(some, pass_mark) for case, some in by_case.items()},
    )
    return Side(standing, {case: some[0] for case, some in by_case.items()}, list(warnings))


def stand(results: Sequence[CaseResult], pass_mark: float) -> CaseStanding:
    """What one case came to over its repeats."""
    drafts = [result.draft for result in results if result.draft is not None]
    asked = [draft for draft in drafts if _by_model(draft)]
    replaced = [draft.writer.degraded or any(step.writer == "playbook" for step in draft.steps) for draft in asked]
    return CaseStanding(
        digest=results[0].digest,
        verdict=_commonest(draft.verdict for draft in drafts),
        boundary=_commonest(draft.basis.boundary for draft in drafts),
        errors=len(results) - len(drafts),
        replaced=sum(replaced) / len(replaced) if replaced else 0,
        judged=_judged(results),
        **_mean([_by_rule(result, pass_mark) for result in results]),
        **_named(one for result in results for one in result.scores if not _by_judge(one)),
    )


def _by_model(draft: Draft) -> bool:
    """Whether a model wrote it, or was to and did not answer."""
    return draft.writer.kind == "model" or draft.writer.calls > 0 or draft.writer.degraded


def key_of(score: Score) -> str:
    """What a failed score is called from run to run."""
    return f"{score.scorer}:{score.criterion}" if score.criterion else score.scorer


def scorer_of(key: str) -> str:
    """The scorer of a :func:`key_of`."""
    return key.partition(":")[0]


def _judged(results: Sequence[CaseResult]) -> Judged | None:
    judged = [one for result in results for one in result.scores if _by_judge(one)]
    if not judged:
        return None
    marks = [(result.points, result.passed) for result in results]
    return Judged(scored=sorted({one.scorer for one in judged}), **_mean(marks), **_named(judged))


def _by_rule(result: CaseResult, pass_mark: float) -> tuple[float | None, bool]:
    """Points and whether it passed, by what rules scored alone."""
    if not any(_by_judge(one) for one in result.scores):
        return result.points, result.passed
    points, vetoed = points_of([one for one in result.scores if not _by_judge(one)])
    return points, result.draft is not None and not vetoed and points is not None and points >= pass_mark


def _by_judge(score: Score) -> bool:
    return score.by == "judge" and score.status != "unscored"


def _mean(marks: Sequence[tuple[float | None, bool]]) -> dict[str, Any]:
    """Over repeats: the mean of the points there are, and the share that passed."""
    points = [one for one, _ in marks if one is not None]
    mean = round(sum(points) / len(points), 2) if points else None
    return {"points": mean, "passed": round(sum(passed for _, passed in marks) / len(marks), 4)}


def _named(scores: Iterable[Score]) -> dict[str, Any]:
    failed = [one for one in scores if one.status == "failed"]
    return {
        "failed": sorted({key_of(one) for one in failed}),
        "vetoed": sorted({key_of(one) for one in failed if one.veto}),
    }


def _commonest(values: Iterable[str]) -> str:
    """The most frequent; of equals the first."""
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else ""
