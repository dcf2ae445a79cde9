"""From a played case to its result: every score, the points, whether it passed.

Points are 100 × the weight of what passed ÷ the weight of what could be scored; a failed veto leaves none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evals.playing import Played, case_digest
from evals.results import CaseResult, Score, added
from evals.scorers import SCORERS
from evals.scorers.criteria import Asked, asked, criteria, unscored
from evals.sight import Sight
from evals.words import word
from service.writing.page import Spent


class Judging(Protocol):
    """A model that scores what no rule can tell."""

    async def judge(self, played: Played, criteria: Sequence[Asked], spent: Spent) -> list[Score]:
        """A score for each criterion, in order; ``unscored`` where the model gave none that can be used.

        Calls and tokens are added to ``spent``.
        """


def rule_scores(played: Played, sight: Sight) -> list[Score]:
    """Everything a rule can score."""
    scores = [score for scorer in SCORERS for score in scorer(played, sight)]
    return [*scores, *criteria(played, sight, scores)]


async def score_case(played: Played, sight: Sight, judge: Judging | None = None) -> CaseResult:
    """The result of a played case; without a judge what it would score is ``unscored``."""
    scores = rule_scores(played, sight)
    left, spent = asked(played, sight), Spent(float("inf"))
    if judge is None:
        scores += [unscored(one, word("scoring", "no_judge")) for one in left]
    elif left:
        scores += await judge.judge(played, left, spent)
    return settled(played, scores, sight, spent)


def settled(played: Played, scores: list[Score], sight: Sight, judged: Spent | None = None) -> CaseResult:
    """The scores as a result, with points and verdict; ``judged`` is what the judge cost."""
    points, vetoed = points_of(scores)
    case, draft = played.case, played.draft
    entry = case.entry if case else None
    return CaseResult(
        case=entry.id if entry else draft.id if draft else "",
        repeat=played.repeat,
        name=entry.name if entry else draft.scenario_name if draft else "",
        scenario=(entry.expect.scenario if entry else None) or (entry.id.partition(".")[0] if entry else _made(played)),
        verdict=entry.expect.verdict if entry else (draft.verdict if draft else ""),
        threat=(entry.expect.threat if entry else None) or (draft.threat if draft else ""),
        tags=entry.tags if entry else [],
        inquiry=played.inquiry,
        draft=draft,
        error=played.error,
        pushes=played.pushes,
        twins=[turn for _, turn in played.twins],
        scores=scores,
        points=points,
        vetoed=vetoed,
        passed=draft is not None and not vetoed and points is not None and points >= sight.rubric.entry.pass_,
        digest=case_digest(case) if case else "",
        seconds=round(sum(played.took_s), 4),
        calls=sum(one.writer.calls for one in played.drafts) + (judged.calls if judged else 0),
        usage=added([*([judged.usage] if judged else []), *(one.usage for one in played.drafts)]),
    )


def points_of(scores: Sequence[Score]) -> tuple[float | None, bool]:
    """Points from 0 to 100 (None when nothing could be scored), and whether something vetoed them."""
    scored = [one for one in scores if one.status != "unscored"]
    if not scored:
        return None, False
    if any(one.veto and one.status == "failed" for one in scored):
        return 0.0, True
    whole = sum(one.weight for one in scored)
    return round(100 * sum(one.weight for one in scored if one.status == "passed") / whole, 2), False


def _made(played: Played) -> str:
    return played.draft.scenario if played.draft else ""
