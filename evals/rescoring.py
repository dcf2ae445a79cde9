"""Kept drafts scored again by today's rubric, scorers and case files: so older runs can be compared with new ones.

A draft answers an inquiry; what was expected of it may change without drafting anew. Where the inquiry itself, a push
or a twin has other words by now, the kept draft answers something else, and the result is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.dataset import Case, Twin
from evals.playing import Played
from evals.results import CaseResult, Score, TurnOut
from evals.scorers.criteria import asked, unscored
from evals.scoring import rule_scores, settled
from evals.sight import Sight
from evals.words import word
from service.schemas import Inquiry

KEPT = {"seconds", "calls", "usage", "cached"}
"""What making a draft took; scoring it again takes none of it."""


def rescore(
    results: Sequence[CaseResult], cases: Mapping[str, Case], sight: Sight, rubric: str
) -> tuple[list[CaseResult], list[str]]:
    """The results scored anew, and the cases left out because they are asked otherwise by now.

    Args:
        results: of one run, all repeats.
        cases: today's, by id.
        sight: today's rulebook and rubric.
        rubric: the digest of the rubric they were scored by; a judge's answers to a rubric's questions are kept only
            where it is today's, its answers to a case's own sentences wherever the sentence still stands.
    """
    by_case: dict[str, list[CaseResult]] = {}
    for result in results:
        by_case.setdefault(result.case, []).append(result)
    found: list[CaseResult] = []
    left: list[str] = []
    for name, some in by_case.items():
        case = cases.get(name)
        played = [again for one in some if case is not None and (again := _played(one, case)) is not None]
        if len(played) < len(some):
            left.append(name)
            continue
        for place, one in enumerate(played):
            one.others = [other.draft for n, other in enumerate(played) if n != place and other.draft is not None]
            made = settled(one, [*rule_scores(one, sight), *_judged(one, some[place], sight, rubric)], sight)
            found.append(made.model_copy(update={field: getattr(some[place], field) for field in KEPT}))
    return found, sorted(left)


def _played(result: CaseResult, case: Case) -> Played | None:
    """The case as it was played; None where it is played otherwise by now."""
    entry = case.entry
    if _said(result.inquiry) != _said(case.inquiry):
        return None
    pushes = [turn.said for turn in result.pushes]
    broke_off = result.draft is None or any(turn.draft is None for turn in result.pushes)
    if pushes != (entry.pushes[: len(pushes)] if broke_off else entry.pushes):
        return None
    twins = _twins(result.twins, case)
    if twins is None:
        return None
    return Played(
        result.inquiry,
        result.draft,
        result.error,
        case,
        result.repeat,
        pushes=list(result.pushes),
        twins=twins,
    )


def _twins(turns: Sequence[TurnOut], case: Case) -> list[tuple[Twin, TurnOut]] | None:
    """Each twin with its draft; a run may have left twins out altogether."""
    if not turns:
        return []
    twins = case.entry.twins
    if len(twins) != len(turns):
        return None
    for twin, turn in zip(twins, turns, strict=True):
        # a forgotten fact is named by the rulebook; its field shows in the inquiry that was played
        if twin.forget is None and _said(turn.inquiry) != _said(case.twin(twin, None)):
            return None
    return list(zip(twins, turns, strict=True))


def _said(inquiry: Inquiry) -> Inquiry:
    """What is asked, whoever is to write."""
    return inquiry.model_copy(update={"writer": "playbook"})


def _judged(played: Played, before: CaseResult, sight: Sight, rubric: str) -> list[Score]:
    """What is left for a judge, with its answers where they are to the same question."""
    kept = {(one.scorer, one.criterion): one for one in before.scores if one.by == "judge"}
    found = []
    for one in asked(played, sight):
        old = kept.get((one.scorer, one.criterion))
        if old is None or not (one.criterion or rubric == sight.rubric.digest):
            found.append(unscored(one, word("compare", "not_judged")))
        else:
            found.append(old.model_copy(update={"weight": one.weight, "veto": one.veto}))
    return found
