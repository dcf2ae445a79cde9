"""A run held against its baseline, as a report tells it: by case, with both replies where both were kept.

What counts as better or worse is decided in one place, ``evals/comparing.py`` and ``evals/gate.py``; a report must not
say otherwise than the gate did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from evals.comparison import WORSE, CaseChange, Comparison
from evals.gate import Gated, gate
from evals.misses import known_misses
from evals.report.marking import Difference, differences
from evals.results import CaseResult, RunInfo
from evals.rubric import Rubric
from evals.standing import CaseStanding, Side, side_of

Since = Literal["", "added", "changed", "broken", "worse", "mended", "better", "same"]
"""What became of a case: new; other words or expectations; passed before; lost something; passes now; gained."""


@dataclass(frozen=True)
class Before:
    """What the baseline had of a case."""

    points: tuple[float | None, float | None]
    """Then and now."""
    passed: tuple[bool, bool]
    """In every repeat."""
    verdict: str
    failed: tuple[str, ...]
    """Fails now and did not: scorers, or ``must:the sentence``."""
    mended: tuple[str, ...]
    same: bool
    """Whether both replies are kept and are the same."""
    differences: tuple[Difference, ...]
    """Between the replies; empty where they are the same or one was not kept."""


@dataclass(frozen=True)
class Against:
    """A run's comparison with a baseline, and what the gate makes of it."""

    reference: Side
    gated: Gated

    @classmethod
    def of(
        cls, info: RunInfo, results: Sequence[CaseResult], reference: Side, rubric: Rubric, gated: Gated | None = None
    ) -> Against:
        """The comparison; ``gated`` where the gate has already been asked."""
        if gated is None:
            run = side_of(info, results, rubric.entry.pass_)
            gated = gate(run, reference, rubric, known=known_misses().keys())
        return cls(reference, gated)

    @property
    def found(self) -> Comparison:
        """What the two differ in."""
        return self.gated.comparison

    @cached_property
    def _changes(self) -> dict[str, CaseChange]:
        found = self.found
        return {one.case: one for one in (*found.regressions, *found.improvements, *found.moved)}

    def since(self, case: str) -> Since:
        """What became of a case."""
        found = self.found
        if case not in self.reference.standing.cases:
            return "added"
        if case in found.changed:
            return "changed"
        if case in found.passed.lost:
            return "broken"
        if case in found.passed.won:
            return "mended"
        turns = set(self._changes[case].turns) if case in self._changes else set()
        return "worse" if turns & WORSE else "better" if turns else "same"

    def before(self, result: CaseResult, now: CaseStanding) -> Before | None:
        """What the baseline had of this case; None where it had none like it."""
        old = self.reference.standing.cases.get(result.case)
        if old is None or result.case in self.found.changed:
            return None
        change = self._changes.get(result.case)
        was = self.reference.results.get(result.case)
        replies = [one.draft.reply if one is not None and one.draft is not None else None for one in (was, result)]
        one, other = replies
        return Before(
            points=change.points if change else (old.points, now.points),
            passed=(old.passed == 1, now.passed == 1),
            verdict=old.verdict,
            failed=tuple(change.new_failed) if change else (),
            mended=tuple(change.mended) if change else (),
            same=one is not None and one == other,
            differences=differences(one, other) if one is not None and other is not None and one != other else (),
        )
