"""A case's own ``must`` and ``must_not``: by rule where their words are given, for a judge otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.dataset import Criterion
from evals.playing import Played
from evals.results import Mark, Score
from evals.sight import Sight
from evals.words import word
from service.text.normalise import fold, normalise

Kind = Literal["must", "must_not"]


@dataclass(frozen=True)
class Asked:
    """One thing a judge, or a person, is asked about a reply."""

    scorer: str
    criterion: str
    """The case's sentence; empty for what the rubric asks of every reply."""
    ask: str
    must_not: bool
    weight: float
    veto: bool


def _all(played: Played) -> Iterator[tuple[Kind, Criterion]]:
    if played.case is not None:
        yield from (("must", one) for one in played.case.entry.must)
        yield from (("must_not", one) for one in played.case.entry.must_not)


def criteria(played: Played, sight: Sight, scores: Sequence[Score]) -> Iterator[Score]:
    """The criteria a rule can score; ``scores`` are what the scorers gave, for criteria that name one."""
    if played.draft is None:
        return
    for kind, one in _all(played):
        weight = one.weight or sight.rubric.entry.scorers[kind].weight
        base = Score(scorer=kind, criterion=one.text, status="passed", weight=weight, veto=one.veto)
        if one.says:
            yield _by_words(kind, one, base, played.draft.reply)
        elif one.scorer:
            yield _linked(one, base, sight, scores)


def asked(played: Played, sight: Sight) -> list[Asked]:
    """What is left for a judge: the rubric's questions, and the case's sentences no rule can tell."""
    if played.draft is None or not played.draft.steps:
        return []
    found = [Asked(name, "", one.ask, False, one.weight, one.veto) for name, one in sight.rubric.judged.items()]
    for kind, one in _all(played):
        if not one.says and not one.scorer:
            weight = one.weight or sight.rubric.entry.scorers[kind].weight
            found.append(Asked(kind, one.text, one.text, kind == "must_not", weight, one.veto))
    return found


def unscored(one: Asked, reason: str) -> Score:
    """The score of what nobody could tell."""
    return Score(
        scorer=one.scorer,
        criterion=one.criterion,
        status="unscored",
        by="judge",
        weight=one.weight,
        veto=one.veto,
        reason=reason,
    )


def _by_words(kind: Kind, one: Criterion, base: Score, reply: str) -> Score:
    norm = normalise(reply)
    found = [(norm.text.find(said), said) for said in map(fold, one.says)]
    there = [(place, said) for place, said in found if place >= 0]
    if bool(there) == (kind == "must"):
        return base
    says = "、".join(said for _, said in there) if there else "、".join(one.says)
    reason = word("scoring", kind, says=says)
    spans = [norm.span(place, place + len(said)) for place, said in there]
    marks = [Mark(start=start, end=end, why=reason) for start, end in spans]
    return base.model_copy(update={"status": "failed", "reason": reason, "marks": marks})


def _linked(one: Criterion, base: Score, sight: Sight, scores: Sequence[Score]) -> Score:
    """What the named scorer said; where it had nothing to say, nothing was wrong."""
    failed = next((score for score in scores if score.scorer == one.scorer and score.status == "failed"), None)
    if failed is None:
        return base
    name = sight.rubric.entry.scorers[one.scorer].name
    reason = word("scoring", "linked", name=name, reason=failed.reason)
    return base.model_copy(update={"status": "failed", "reason": reason, "marks": failed.marks})
