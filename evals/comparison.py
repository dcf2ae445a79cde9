"""The shape of a comparison: what two runs were made with, and what that did to the numbers and to each case."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from evals.standing import CaseStanding
from evals.statistics import Estimate
from service.schemas.base import Out

Turn = Literal[
    "verdict", "failed_now", "fails_more", "points_down", "right_now", "passes_now", "fails_less", "points_up"
]
WORSE: frozenset[Turn] = frozenset({"verdict", "failed_now", "fails_more", "points_down"})


class Made(Out):
    """One side: which run, and how it was made."""

    kind: Literal["run", "live", "baseline"]
    id: str
    label: str
    at: datetime
    cases: int
    writer: str
    target: str
    repeats: int


class Differing(Out):
    """One thing the sides were made with that is not the same; an empty value was not recorded."""

    what: str
    """A field of :class:`Digests`, or ``writer``, ``target``, ``shop``, ``repeats``."""
    before: str
    after: str


class Moved(Out):
    """A number on both sides over the paired cases, and the paired difference with its interval."""

    before: float | None = None
    after: float | None = None
    difference: Estimate | None = None


class PassMoved(Moved):
    """The pass rate; ``chance``: of a split this uneven if neither were better (McNemar, exact)."""

    lost: list[str] = Field(default_factory=list)
    """Cases that passed in every repeat and do not now."""
    won: list[str] = Field(default_factory=list)
    chance: float = 1


class ScorerMoved(Moved):
    """A scorer: the share of paired cases in which it did not fail."""

    by: Literal["rule", "judge"] = "rule"
    fails_now: list[str] = Field(default_factory=list)
    fails_no_more: list[str] = Field(default_factory=list)


class CaseChange(Out):
    """A case that came out otherwise."""

    case: str
    name: str = ""
    expected: str = ""
    turns: list[Turn] = Field(default_factory=list)
    """What changed for the worse or the better; none where only verdict, boundary or errors moved."""
    before: CaseStanding
    after: CaseStanding
    points: tuple[float | None, float | None] = (None, None)
    new_failed: list[str] = Field(default_factory=list)
    mended: list[str] = Field(default_factory=list)
    why: dict[str, str] = Field(default_factory=dict)
    """Failed now → why, in Chinese."""
    reply_before: str | None = None
    """None where it was not kept (a baseline)."""
    reply_after: str | None = None


class Comparison(Out):
    """What :func:`evals.comparing.compare` finds."""

    before: Made
    after: Made
    differs: list[Differing] = Field(default_factory=list)
    paired: int = 0
    added: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)
    """On both sides, with other words or expectations: not paired."""
    same_rubric: bool = True
    """False: points and pass rate are not compared."""
    judged: bool = False
    """Whether a judge's scores count in points and pass rate; only where both sides had the same one."""
    points: Moved = Field(default_factory=Moved)
    passed: PassMoved = Field(default_factory=PassMoved)
    failures: Moved = Field(default_factory=Moved)
    """Failed scorers a case, of those both rubrics have."""
    replaced: Moved = Field(default_factory=Moved)
    """Share of the model's drafts in which the playbook had to stand in."""
    errors: Moved = Field(default_factory=Moved)
    """Repeats without a draft, a case."""
    scorers: dict[str, ScorerMoved] = Field(default_factory=dict)
    regressions: list[CaseChange] = Field(default_factory=list)
    improvements: list[CaseChange] = Field(default_factory=list)
    moved: list[CaseChange] = Field(default_factory=list)
    """Neither: another verdict or boundary with nothing won or lost."""
    reworded: int = 0
    """Cases whose reply reads otherwise, of those with both replies kept."""
