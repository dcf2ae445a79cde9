"""What drafts and the feedback on them tell, in sums."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from service.schemas.base import Out

GroupBy = Literal[
    "scenario",
    "boundary",
    "rule",
    "verdict",
    "threat",
    "writer",
    "prompt",
    "degraded",
    "knowledge",
    "day",
    "category",
    "shop",
]


class Rate(Out):
    """A share with Wilson's 95 % interval over ``n``."""

    value: float
    low: float
    high: float
    n: int


class Group(Out):
    """Some drafts and what became of them. A rate is null where too few have feedback to give one."""

    key: str | None
    name: str
    drafts: int
    superseded: int
    """Answered by a newer draft before anybody said anything; they count in no rate."""
    feedback: int
    told: Rate | None
    """Share with feedback, of those not superseded."""
    adopted: Rate | None
    edited: Rate | None
    rejected: Rate | None
    edit_ratio: float | None
    """Median share of characters changed, of the edited ones."""
    counts: dict[str, int]
    """``open``, ``superseded``, ``adopted``, ``edited``, ``rejected``."""
    first: datetime | None
    last: datetime | None


class CauseRow(Out):
    """Which goods cause disputes, and why."""

    category: str | None
    product: str | None
    demand: str | None
    demand_name: str
    cause: str | None
    cause_name: str
    drafts: int
    unreasonable: int
    overdue: int
    threats: int
    before: int
    """Drafts of the same kind in the window before."""
    change: float | None
    """How many times as many as before, minus one; null where there were none."""


class StepFate(Out):
    """What became of a step in what was sent."""

    step: str
    name: str
    kept: int
    changed: int
    dropped: int


class Counted(Out):
    """Something and how often."""

    key: str
    name: str
    times: int


class Question(Out):
    """Something asked that knowledge had little for: one masked excerpt of several alike."""

    excerpt: str
    times: int
    scenarios: list[str]
    drafts: list[str]
    """Ids of some of them."""


class Unanswered(Out):
    """Where knowledge had no answer. ``uncovered``: what was found hardly speaks of what was asked."""

    drafts: int
    unguided: int
    uncovered: int
    fallback: int
    asked_facts: list[Counted]
    questions: list[Question]


class Turned(Out):
    """Refusals people sent as they were, changed, or did not send; conversations where a later draft was used."""

    refusals_adopted: int
    refusals_edited: int
    refusals_rejected: int
    rejected_then_used: int


class Analytics(Out):
    """用量和反馈. ``shop`` null: all shops. Sums are of the drafts that are still kept."""

    shop: str | None
    since: datetime
    until: datetime
    kept_since: datetime | None
    """The oldest draft that is still there; what was deleted is in no sum."""
    small: int
    """Groups with less feedback than this show no rates."""
    total: Group
    before: Group
    """The window of the same length in front."""
    by: dict[GroupBy, list[Group]]
    causes: list[CauseRow]
    steps: list[StepFate]
    sentences_added: int
    waited_s: dict[str, int | None]
    """Seconds until feedback: ``median`` and ``p90``."""
    unanswered: Unanswered
    overridden: list[Counted]
    """Rules that what people sent breaks all the same."""
    turned: Turned
