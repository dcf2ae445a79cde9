"""Scorers: pure functions of a case as it was played. What does not apply gives no score.

Each is one small function ``(played, sight) -> Iterator[Score]``; weights, vetoes and names are the rubric's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evals.playing import Played
from evals.results import Score
from evals.scorers import checks, facts, steps, topics, turns, verdict
from evals.sight import Sight

Scorer = Callable[[Played, Sight], Iterator[Score]]

SCORERS: tuple[Scorer, ...] = (
    verdict.verdict,
    verdict.labels,
    verdict.asks,
    steps.steps,
    steps.empathy,
    steps.bubbles,
    checks.categories,
    topics.off_limits,
    facts.numbers,
    facts.offer,
    facts.sources,
    turns.repetition,
    turns.capitulation,
    turns.twins,
    turns.stability,
)
