"""How far the scores and people agree: per scorer, from blind reviews alone, bound to one digest of the rubric.

An item is one score of one reply. Where several people scored it blind, the majority is people's word; where they are
split it is nobody's. A judge (model and prompt) that agrees too little, or was never measured, is 未校准: it is
reported and may not gate a release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from evals.blind.sheet import weights
from evals.results import CaseResult, RunInfo
from evals.review_items import Items, Reviewed, count, matched
from evals.review_log import NAME
from evals.reviews import Review
from evals.rubric import Rubric
from evals.runs import RUN
from evals.statistics import Kappa, kappa
from service.errors import UsageError
from service.schemas.base import Out

Warned = Literal["", "none", "one_label", "few", "low"]
"""``none``: no item both scored; ``one_label``: one side only ever said the same, so that κ says nothing; ``few`` and
``low``: fewer items, or a lower κ, than the rubric asks for."""
_BY: tuple[Literal["rule", "judge"], ...] = ("rule", "judge")


class Agreed(Out):
    """One scorer against people."""

    scorer: str
    name: str
    by: Literal["rule", "judge"]
    n: int
    """Items both scored."""
    agreed: float | None = None
    """Share of them in which both say the same."""
    agreed_run: float | None = None
    """The same for the whole runs: failed ones are drawn more often, so each item counts for what it stands for."""
    kappa: float | None = None
    low: float | None = None
    high: float | None = None
    people_failed: int = 0
    machine_failed: int = 0
    warning: Warned = ""
    calibrated: bool = False
    unsure: int = 0
    """Items where people could not tell or were split."""
    unscored: int = 0
    """Items people scored and the machine did not."""
    between: float | None = None
    """Share of pairs of people who said the same of one item: what a scorer can hope for."""


class Agreement(Out):
    """``youli eval agree``: every scorer people have scored blind."""

    runs: list[str]
    rubric: str
    judge: str
    """The judge's digest the runs share; empty where none judged or they differ."""
    reviewers: list[str]
    used: int
    """Blind reviews that counted."""
    stale: int
    """Blind reviews under another rubric, or of a reply that is another by now: kept apart."""
    scorers: list[Agreed] = Field(default_factory=list)

    def of(self, scorer: str, by: Literal["rule", "judge"] = "judge") -> Agreed | None:
        """What is known of a scorer, where a rule or where the judge scored; None where nobody scored that blind."""
        return next((one for one in self.scorers if (one.scorer, one.by) == (scorer, by)), None)

    def calibrated(self, scorer: str) -> bool:
        """Whether the judge agrees with people as far as the rubric asks, on as many items as it asks."""
        one = self.of(scorer)
        return one is not None and one.calibrated


def agreement(runs: Sequence[Reviewed], rubric: Rubric, beside: Sequence[Review] = ()) -> Agreement:
    """Scores against blind reviews, over runs.

    What people said of a reply counts for every run that has the very same conversation and reply, whichever run they
    saw it in: a new judge is measured on reviews that are there.

    Args:
        runs: with their reviews.
        rubric: today's; reviews given under another are counted apart.
        beside: reviews of other runs; they count where the reply is the same, and are not missed where it is not.
    """
    reviews = [one for run in runs for one in run.reviews if one.action == "blind"]
    used = [one for one in (*beside, *reviews) if (one.action, one.rubric) == ("blind", rubric.digest)]
    items: dict[tuple[str, str], Items] = {}
    counted: set[int] = set()
    stands = {name: weights(sheet) for run in runs for name, sheet in run.sheets.items()}
    for scorer, by, status, said in matched(runs, used, rubric.digest):
        counted.update(map(id, said))
        count(items.setdefault((scorer, by), Items()), status, said, stands)
    judges = {run.info.digests.judge for run in runs}
    order = [(scorer, by) for scorer in rubric.entry.scorers for by in _BY]
    return Agreement(
        runs=[run.info.id for run in runs],
        rubric=rubric.digest,
        judge=judges.pop() if len(judges) == 1 else "",
        reviewers=sorted({one.reviewer for one in used if id(one) in counted}),
        used=len(counted),
        stale=sum(id(one) not in counted for one in reviews),
        scorers=[_agreed(name, by, items[name, by], rubric) for name, by in order if (name, by) in items],
    )


def _agreed(scorer: str, by: Literal["rule", "judge"], items: Items, rubric: Rubric) -> Agreed:
    entry, n, found = rubric.entry, len(items.pairs), kappa(items.pairs)
    machine, people = (sum(pair[side] == "failed" for pair in items.pairs) for side in (0, 1))
    return Agreed(
        scorer=scorer,
        name=entry.scorers[scorer].name,
        by=by,
        n=n,
        agreed=sum(one == other for one, other in items.pairs) / n if n else None,
        agreed_run=_weighted(items) if n else None,
        kappa=found and found.value,
        low=found and found.low,
        high=found and found.high,
        people_failed=people,
        machine_failed=machine,
        warning=_warning(items, found, rubric),
        calibrated=found is not None and found.value >= entry.kappa_floor and n >= entry.kappa_least,
        unsure=items.unsure,
        unscored=items.unscored,
        between=items.same / items.met if items.met else None,
    )


def _weighted(items: Items) -> float:
    same = [stand for (one, other), stand in zip(items.pairs, items.stand, strict=True) if one == other]
    return sum(same) / sum(items.stand)


def _warning(items: Items, found: Kappa | None, rubric: Rubric) -> Warned:
    n = len(items.pairs)
    if n == 0:
        return "none"
    if found is None or any(len({pair[side] for pair in items.pairs}) == 1 for side in (0, 1)):
        return "one_label"
    if n < rubric.entry.kappa_least:
        return "few"
    return "low" if found.value < rubric.entry.kappa_floor else ""


def judged_scorers(results: Iterable[CaseResult]) -> set[str]:
    """The scorers a judge model answered for in these results."""
    return {
        score.scorer for one in results for score in one.scores if score.by == "judge" and score.status != "unscored"
    }


def uncalibrated(folder: Path, rubric: Rubric) -> set[str]:
    """The scorers of a run whose judge agrees too little with people, or was never measured: they cannot gate.

    Counted are the scores this judge gave in this run and in the runs beside it, by the same rubric, and what people
    said blind of the same replies in any run.

    Raises:
        UsageError: the run cannot be read.
    """
    mine = Reviewed.read(folder)
    judged = judged_scorers(mine.results)
    if not judged:
        return set()
    runs, reviews = [mine], list[Review]()
    for other in _beside(folder, mine.info):
        if other.info.digests.judge == mine.info.digests.judge:
            runs.append(other)
        else:
            reviews += other.reviews
    found = agreement(runs, rubric, reviews)
    return {scorer for scorer in judged if not found.calibrated(scorer)}


def _beside(folder: Path, info: RunInfo) -> Iterator[Reviewed]:
    """The reviewed runs in the same place by the same rubric."""
    for path in sorted(folder.resolve().parent.glob(f"*/{NAME}")):
        other = path.parent
        if other == folder.resolve() or not (other / RUN).is_file():
            continue
        try:
            run = Reviewed.read(other)
        except UsageError:
            continue
        if run.info.digests.rubric == info.digests.rubric:
            yield run
