"""The verdict, its four ways of being wrong apart; scenario, threat, and what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from evals.playing import Played
from evals.results import Score
from evals.scorers.made import made
from evals.sight import Sight
from evals.words import name_of, word

WRONG = {
    "false_refusal": ("reasonable", "unreasonable"),
    "give_in": ("unreasonable", "reasonable"),
    "over_ask": (None, "needs_clarification"),
    "under_ask": ("needs_clarification", "unreasonable"),
}
"""Scorer → the verdict that was due (None: any other) and the verdict that is wrong then."""


def verdict(played: Played, sight: Sight) -> Iterator[Score]:
    """Whether what is due is refused, what is not due given, what is known asked for, what is needed not asked for.

    A remedy promised while facts are missing counts as given in.
    """
    if played.case is None or played.draft is None:
        return
    due, came = played.case.entry.expect.verdict, played.draft.verdict
    reason = word("scoring", "verdict", wanted=name_of("verdict", due), made=name_of("verdict", came))
    for scorer, (when, wrong) in WRONG.items():
        applies = due == when or (when is None and due != wrong) or (scorer == "give_in" and due != "reasonable")
        if applies:
            yield made(sight, scorer, came != wrong, reason)


def labels(played: Played, sight: Sight) -> Iterator[Score]:
    """Scenario and threat as the case has them."""
    if played.case is None or played.draft is None:
        return
    expect = played.case.entry.expect
    for scorer in ("scenario", "threat"):
        wanted, came = getattr(expect, scorer), getattr(played.draft, scorer)
        if wanted is not None:
            names = {"wanted": _named(scorer, wanted, sight), "made": _named(scorer, came, sight)}
            yield made(sight, scorer, wanted == came, word("scoring", "value", **names))


def asks(played: Played, sight: Sight) -> Iterator[Score]:
    """Whether a draft that asks puts its question in a step of its own."""
    if played.draft is None or not played.draft.missing:
        return
    asked = "\n".join(step.text for step in played.draft.steps if step.step == "question")
    name = played.draft.missing[0].question
    yield made(sight, "asks", bool(asked.strip()), word("scoring", "asks", wanted=name), step="question")


def _named(kind: str, value: str, sight: Sight) -> str:
    """What people call a scenario or a threat."""
    scenario = sight.book.scenarios.get(value) if kind == "scenario" else None
    return scenario.name if scenario is not None else name_of(kind, value)
