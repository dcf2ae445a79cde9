"""How a score is made: its weight and veto come from the rubric."""

from __future__ import annotations

from evals.results import Mark, Score
from evals.sight import Sight
from service.schemas import StepName


def made(
    sight: Sight,
    scorer: str,
    passed: bool,
    reason: str = "",
    *,
    step: StepName | None = None,
    marks: list[Mark] | None = None,
) -> Score:
    """A score by rule; the reason is told only where it failed.

    Raises:
        KeyError: the rubric has no such scorer.
    """
    entry = sight.rubric.entry.scorers[scorer]
    return Score(
        scorer=scorer,
        status="passed" if passed else "failed",
        weight=entry.weight,
        veto=entry.veto,
        step=None if passed else step,
        reason="" if passed else reason,
        marks=[] if passed else marks or [],
    )
